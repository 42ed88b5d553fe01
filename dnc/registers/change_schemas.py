"""The bodies of the API's requests and answers about how registers change, and contacts held against them again."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from core.numbers import Number
from dnc.registers.changes import Comparison, Move
from dnc.registers.contents import VersionCard
from dnc.registers.rematching import Answers, Lifted, Rematch, RematchedContact, Said, Tally
from web.endpoint import Document
from web.fields import Id, Instant, Limit

RegisterName = Annotated[str, StringConstraints(min_length=1, max_length=20)]
VersionName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=36, pattern=r"^[0-9a-f-]+$"),
    Field(description="a version's id, or its date, YYYY-MM-DD"),
]


class ChangesQuestion(Document):
    """From which version to which."""

    from_: VersionName = Field(alias="from")
    to: VersionName


class VersionCardDocument(Document):
    """One version of a register."""

    version_id: str
    as_of: date
    count: int
    loaded_at: Instant


class RegisterChangesDocument(Document):
    """How many numbers moved, and how many of those that a seller has a lead on, by the seller's slug."""

    name: str
    from_: VersionCardDocument = Field(serialization_alias="from")
    to: VersionCardDocument
    moved: dict[Move, int]
    stayed: int
    sellers: dict[str, dict[Move, int]]


class RematchQuestion(Document):
    """Which of a period's contacts were listed when called, and which are by a version of choice?"""

    name: RegisterName
    since: Instant
    until: Instant
    version: VersionName | None = None
    cursor: Id | None = None
    limit: Limit = 200

    @model_validator(mode="after")
    def _goes_forward(self) -> Self:
        if self.until <= self.since:
            raise ValueError("the period ends before it begins")
        return self


class AnswersDocument(Document):
    """What a version said of contacts; those listed are told apart by what lifted the register when they were made."""

    contacts: int
    said: dict[Said, int]
    listed: dict[Lifted, int]


class TallyDocument(Document):
    """Contacts counted: all of them, by campaign and by source."""

    whole: AnswersDocument
    campaigns: dict[str, AnswersDocument]
    sources: dict[str, AnswersDocument]


class RematchedContactDocument(Document):
    """A contact that was listed when called, or is by the version named."""

    contact_id: str
    number: str
    started_at: Instant
    campaign: str
    source: str
    version_id: str | None
    when_called: Said
    named: Said | None
    lifted: Lifted


class RematchDocument(Document):
    """A period's contacts held against a register again; the counts are told with the first page alone."""

    name: str
    since: Instant
    until: Instant
    version: VersionCardDocument | None
    when_called: TallyDocument | None
    named: TallyDocument | None
    page: list[RematchedContactDocument]
    cursor: str | None


def changes_document(found: Comparison) -> RegisterChangesDocument:
    """Return a comparison in its wire form."""
    return RegisterChangesDocument(
        name=found.register,
        from_=_card(found.older),
        to=_card(found.newer),
        moved=dict(found.moved),
        stayed=found.stayed,
        sellers={slug: dict(counts) for slug, counts in found.sellers.items()},
    )


def rematch_document(found: Rematch) -> RematchDocument:
    """Return a rematch in its wire form."""
    return RematchDocument(
        name=found.register,
        since=found.since,
        until=found.until,
        version=None if found.version is None else _card(found.version),
        when_called=None if found.when_called is None else _tally(found.when_called),
        named=None if found.named is None else _tally(found.named),
        page=[_contact(one) for one in found.page],
        cursor=found.cursor,
    )


def _card(card: VersionCard) -> VersionCardDocument:
    return VersionCardDocument(version_id=card.id, as_of=card.as_of, count=card.count, loaded_at=card.loaded_at)


def _tally(tally: Tally) -> TallyDocument:
    return TallyDocument(
        whole=_answers(tally.whole),
        campaigns={slug: _answers(tally.campaigns[slug]) for slug in sorted(tally.campaigns)},
        sources={slug: _answers(tally.sources[slug]) for slug in sorted(tally.sources)},
    )


def _answers(answers: Answers) -> AnswersDocument:
    return AnswersDocument(
        contacts=answers.contacts,
        said={said: answers.said[said] for said in Said},
        listed={lifted: answers.listed[lifted] for lifted in Lifted},
    )


def _contact(one: RematchedContact) -> RematchedContactDocument:
    return RematchedContactDocument(**asdict(one) | {"number": Number(one.number).e164})
