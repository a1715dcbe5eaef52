"""Every Protocol that the steps need: this page lists them, and the files beside it say what they promise.

Adapters implement them; `wiring` chooses. All records that cross a port are JSON-serialisable nouns of
`honk.domain`; live handles (a sandbox, a session, a broker's exit) exist only within one step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from honk.ports.access import Access, Audit, Budgets, Tokens
from honk.ports.agent import Agent, Attachment, Job, Report, Session, Tools
from honk.ports.channels import Channel, ChannelOptions, Channels, NoChannels, Offered, Offers
from honk.ports.ci import Ci, Deployer, NoCi, NoDeployer
from honk.ports.conversations import Chats, Deliveries, Links, Preferences, Threads
from honk.ports.delivery import Camera, Film, Forge, Policy, Previews, Shot, View
from honk.ports.deploys import Deploys, Looker, NoLooker, NoWebhookCalls, WebhookCalls
from honk.ports.discussions import Discussions
from honk.ports.entrance import Authenticators, Entrance, Onetime, Passkeys, Provider, Visits
from honk.ports.gate import Exam, Gate, Registries
from honk.ports.jobs import Bench, Executor, Jobs, Said, Signer, Workshop
from honk.ports.journal import Journal, Once, Workflow
from honk.ports.machine import Machine, Untroubled
from honk.ports.notices import Devices, Letter, Mail, NoMail, Outbox, Outcome, Push, Sent
from honk.ports.overview import Overview
from honk.ports.packages import NoPackages, Packages, Reading
from honk.ports.pool import (
    Movable,
    NoPool,
    ParkedExit,
    Parking,
    Pool,
    Seat,
    Sitting,
    Spare,
    Spares,
    Waiting,
    Waits,
    Wanted,
)
from honk.ports.repositories import Credential, Credentials, Repositories, Snapshot, Workspaces
from honk.ports.sandbox import (
    ATTACHMENTS,
    Bounds,
    Box,
    Broker,
    Exit,
    Mount,
    Pass,
    Process,
    Ran,
    Sandbox,
    Sandboxes,
    Wall,
)
from honk.ports.store import Artifacts, Clock, Events, Mailbox, Records, Tasks, Tell
from honk.ports.uploads import Arriving, Uploads

__all__ = [
    "ATTACHMENTS",
    "Access",
    "Agent",
    "Arriving",
    "Artifacts",
    "Attachment",
    "Audit",
    "Authenticators",
    "Bench",
    "Bounds",
    "Box",
    "Broker",
    "Budgets",
    "Camera",
    "Channel",
    "ChannelOptions",
    "Channels",
    "Chats",
    "Ci",
    "Clock",
    "Credential",
    "Credentials",
    "Deliveries",
    "Deployer",
    "Deploys",
    "Devices",
    "Discussions",
    "Entrance",
    "Events",
    "Exam",
    "Executor",
    "Exit",
    "Film",
    "Forge",
    "Gate",
    "Job",
    "Jobs",
    "Journal",
    "Letter",
    "Links",
    "Looker",
    "Machine",
    "Mail",
    "Mailbox",
    "Mount",
    "Movable",
    "NoChannels",
    "NoCi",
    "NoDeployer",
    "NoLooker",
    "NoMail",
    "NoPackages",
    "NoPool",
    "Offered",
    "Offers",
    "Once",
    "Onetime",
    "Outbox",
    "Outcome",
    "Overview",
    "Packages",
    "ParkedExit",
    "Parking",
    "Pass",
    "Passkeys",
    "Policy",
    "Pool",
    "Ports",
    "Preferences",
    "Previews",
    "Process",
    "Provider",
    "Push",
    "Ran",
    "Reading",
    "Records",
    "Registries",
    "Report",
    "Repositories",
    "Said",
    "Sandbox",
    "Sandboxes",
    "Seat",
    "Sent",
    "Session",
    "Shot",
    "Signer",
    "Sitting",
    "Snapshot",
    "Spare",
    "Spares",
    "Tasks",
    "Tell",
    "Threads",
    "Tokens",
    "Tools",
    "Untroubled",
    "Uploads",
    "View",
    "Visits",
    "Waiting",
    "Waits",
    "Wall",
    "Wanted",
    "WebhookCalls",
    "Workflow",
    "Workshop",
    "Workspaces",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Everything a flow may touch."""

    clock: Clock
    tasks: Tasks
    events: Events
    records: Records
    artifacts: Artifacts
    uploads: Uploads
    repositories: Repositories
    workspaces: Workspaces
    sandboxes: Sandboxes
    broker: Broker
    agents: Mapping[str, Agent]
    gate: Gate
    forge: Forge
    previews: Previews
    policy: Policy
    tokens: Tokens
    audit: Audit
    budgets: Budgets
    overview: Overview
    #: the lines before environments, and freezes
    deploys: Deploys
    #: what waits for workers on machines of their own
    jobs: Jobs
    #: builds in channels, and builds' numbers
    offers: Offers
    machine: Machine = Untroubled()
    #: Honk's own folder for homes and checkouts of tasks
    home: Path
    #: what is made ready before it is asked for
    pool: Pool = NoPool()
    #: takes screenshots of web builds; None where nobody wants them
    camera: Camera | None = None
    #: it makes films as well
    films: bool = False
    #: the forge's own checks and deployments
    ci: Ci = NoCi()
    deployer: Deployer = NoDeployer()
    #: deployments by webhook
    webhooks: Deployer = NoDeployer()
    webhook_calls: WebhookCalls = NoWebhookCalls()
    #: what an app's file is
    packages: Packages = NoPackages()
    #: looks at the health of what is live
    looker: Looker = NoLooker()
    #: other ways by which builds come to people
    channels: Channels = NoChannels()
