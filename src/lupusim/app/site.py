"""What all pages of one server share: the folder, the open designs, the jobs."""

from __future__ import annotations

from dataclasses import field

from lupusim.app.designs.drafts import Drafts
from lupusim.app.folder import StartFolder
from lupusim.app.runs.jobs import Jobs
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running page and what it works with."""

    folder: StartFolder  # where it was started
    drafts: Drafts = field(default_factory=Drafts)  # designs that are open
    jobs: Jobs = field(default_factory=Jobs)  # what works, or did
