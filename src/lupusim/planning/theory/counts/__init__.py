"""Trials that are counts: everything about their power from the chance of each patient."""

__all__ = [
    "cells",
    "chances",
    "claims",
    "design",
    "looks",
    "power",
    "repeated",
    "sizes",
    "stratified",
    "tables",
]
