"""What all pages of one server share: the folder, the open designs, the jobs."""

from __future__ import annotations

from dataclasses import field

from lupusim.app.designs.drafts import Drafts
from lupusim.app.folder import StartFolder
from lupusim.app.runs.jobs import Jobs
from lupusim.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running page and what it works with.

    Parameters
    ----------
    folder : StartFolder
        Where it was started.
    drafts : Drafts
        Designs that are open.
    jobs : Jobs
        What works, or did.
    """

    folder: StartFolder
    drafts: Drafts = field(default_factory=Drafts)
    jobs: Jobs = field(default_factory=Jobs)
