"""Tables of campaigns, registers, opt-outs, holds, restrictions, checks and contacts."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Campaign(Base):
    """A seller's calling effort. ``opens_weekends``: the seller opens Saturdays and Sundays within the legal hours."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    name: Mapped[str] = mapped_column(String(200))
    product: Mapped[str] = mapped_column(String(60))
    channel: Mapped[str] = mapped_column(String(20))
    opens_weekends: Mapped[bool]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class RegisterVersion(Base):
    """One dated copy of a national register; its snapshot lies in the data folder under its SHA-256.

    ``kind`` is that of the file; ``base_version_id`` the version that a change list was applied to. ``layout`` is the
    JSON by which the file was read, None for what was loaded before layouts. ``covered`` counts the numbers that
    it speaks of, listed or not; None where that is every one.
    """

    __tablename__ = "register_versions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    register: Mapped[str] = mapped_column(String(20))
    as_of: Mapped[date] = mapped_column(Date)
    count: Mapped[int] = mapped_column(BigInteger)
    snapshot_sha256: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(255))
    file_sha256: Mapped[str] = mapped_column(String(64))
    rejected_lines: Mapped[int] = mapped_column(BigInteger)
    loaded_at: Mapped[datetime]
    loaded_by: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10), server_default="full")
    base_version_id: Mapped[str | None] = mapped_column(String(36))
    layout: Mapped[str | None] = mapped_column(Text)
    covered: Mapped[int | None] = mapped_column(BigInteger)


class Register(Base):
    """A national register and the version in force: replacing ``version_id`` is the whole swap.

    ``layout`` is the JSON of the layout that was set for its files, None for the one that comes with the service.
    """

    __tablename__ = "registers"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    country: Mapped[str] = mapped_column(String(2), unique=True)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("register_versions.id"))
    layout: Mapped[str | None] = mapped_column(Text)


class OptOut(Base):
    """A person's own no, by number; append-only. ``seller_id`` None speaks to every seller.

    ``received_at`` is when the person said it, ``recorded_at`` when it took effect here.
    """

    __tablename__ = "opt_outs"
    __table_args__ = (Index(None, "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    channels: Mapped[str] = mapped_column(String(60))
    via: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))


class OptOutRepeat(Base):
    """A no said again while its opt-out was in force; append-only. A release must have been asked for after it."""

    __tablename__ = "opt_out_repeats"
    __table_args__ = (Index(None, "opt_out_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    opt_out_id: Mapped[str] = mapped_column(ForeignKey("opt_outs.id"))
    via: Mapped[str] = mapped_column(String(40))
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))


class OptOutRelease(Base):
    """The end of an opt-out, asked for by the person; append-only, one for each opt-out."""

    __tablename__ = "opt_out_releases"

    opt_out_id: Mapped[str] = mapped_column(ForeignKey("opt_outs.id"), primary_key=True)
    asked_by_person_at: Mapped[datetime]
    verified_by: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime]
    released_by: Mapped[str] = mapped_column(String(120))


class Hold(Base):
    """A temporary block while customer service looks at what was reported from a call, or said by a lead file."""

    __tablename__ = "holds"
    __table_args__ = (Index(None, "number"), Index(None, "closed_at", "made_at"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(40))
    contact_id: Mapped[str | None] = mapped_column(String(36))
    note: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(120))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(120))
    resolution: Mapped[str | None] = mapped_column(Text)


class Restriction(Base):
    """Processing of a number is restricted: GDPR art. 18, or its person is marked deceased or vulnerable."""

    __tablename__ = "restrictions"
    __table_args__ = (Index(None, "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(120))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(120))


class Check(Base):
    """One question and its answer; append-only. Its facts stand in the ledger entry ``chain``, ``seq``, row ``place``.

    ``number`` is None when no number could be read. Seller and campaign were read in the group that wrote the check:
    it has no foreign keys to them (ADR 0018).
    """

    __tablename__ = "checks"
    __table_args__ = (Index(None, "number"), {"sqlite_with_rowid": False})

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(String(36))
    campaign_id: Mapped[str] = mapped_column(String(36))
    number: Mapped[int | None] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(String(8))
    checked_at: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    asked_by: Mapped[str] = mapped_column(String(120))
    reference: Mapped[str | None] = mapped_column(String(100))
    chain: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[int]


class Contact(Base):
    """A call that took place, tied to its check, with its outcome; append-only."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("logged_by", "call_id"),
        Index(None, "number", "started_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    check_id: Mapped[str] = mapped_column(ForeignKey("checks.id"))
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    call_id: Mapped[str] = mapped_column(String(100))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(20))
    agent: Mapped[str | None] = mapped_column(String(100))
    source_disclosed: Mapped[bool | None]
    recorded_at: Mapped[datetime]
    logged_by: Mapped[str] = mapped_column(String(120))


class Complaint(Base):
    """Somebody complained about calls to a number, to us or to an authority; append-only.

    ``received_at`` is when it came in, ``recorded_at`` when it was written down here.
    """

    __tablename__ = "complaints"
    __table_args__ = (Index(None, "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    via: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))


class ComplaintOrigin(Base):
    """A lead that was on the number when the complaint was recorded; append-only, and kept when the lead is erased."""

    __tablename__ = "complaint_origins"

    complaint_id: Mapped[str] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"))
    row_no: Mapped[int]


class LeadArrival(Base):
    """What one screening of a lead file on arrival found; append-only, and the newest of a file counts.

    ``asked_for`` is the calling hour that it was screened for. ``counts`` is a JSON object of numbers by rows, verdict
    and reason; ``wash`` says how the supplier's own claim of a wash compares with our version of that register.
    """

    __tablename__ = "lead_arrivals"
    __table_args__ = (Index(None, "lead_file_id"), Index(None, "source_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"))
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    screened_at: Mapped[datetime]
    screened_by: Mapped[str] = mapped_column(String(120))
    asked_for: Mapped[datetime]
    register: Mapped[str | None] = mapped_column(String(20))
    register_version_id: Mapped[str | None] = mapped_column(ForeignKey("register_versions.id"))
    register_as_of: Mapped[date | None] = mapped_column(Date)
    counts: Mapped[str] = mapped_column(Text)
    wash_register: Mapped[str | None] = mapped_column(String(40))
    wash_version: Mapped[date | None] = mapped_column(Date)
    wash: Mapped[str] = mapped_column(Text)


class Recipient(Base):
    """A processor that a seller hands leads to, under a contract. ``key_id``: the API key by which it asks, if any."""

    __tablename__ = "recipients"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    name: Mapped[str] = mapped_column(String(200))
    contract_reference: Mapped[str] = mapped_column(String(100))
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    created_at: Mapped[datetime]


class Export(Base):
    """Leads handed to a recipient: what file, how many, by whom; append-only. ``sha256`` is of the file as handed."""

    __tablename__ = "exports"
    __table_args__ = (Index(None, "seller_id", "made_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    recipient_id: Mapped[str] = mapped_column(ForeignKey("recipients.id"))
    contract_reference: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    leads: Mapped[int]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(120))


class Canary(Base):
    """A number that reaches nobody, put into one export: wherever else it shows up, that export leaked; append-only."""

    __tablename__ = "canaries"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    export_id: Mapped[str] = mapped_column(ForeignKey("exports.id"), primary_key=True)
    recipient_id: Mapped[str] = mapped_column(ForeignKey("recipients.id"))
    seeded_at: Mapped[datetime]


class CanarySighting(Base):
    """A canary showed up where it should not; append-only. ``subject`` is the check, contact, file or report."""

    __tablename__ = "canary_sightings"
    __table_args__ = (
        UniqueConstraint("export_id", "number", "how", "subject"),
        Index(None, "seller_id", "recorded_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    export_id: Mapped[str] = mapped_column(ForeignKey("exports.id"))
    recipient_id: Mapped[str] = mapped_column(ForeignKey("recipients.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    how: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))
