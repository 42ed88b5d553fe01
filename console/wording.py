"""The pages' words for what the services speak of in codes, in the reader's language."""

import re
from http import HTTPStatus

from consent.grounds import BY_OPT_OUT
from console.languages import Words, chosen_language, gettext, lazy_gettext
from core.access import Role
from core.errors import ServiceError
from core.number_plan import NumberFault
from dnc.holds import BECAME_OPT_OUT, IN_A_CALL, IN_A_LEAD_FILE
from dnc.schemas import ReasonDocument
from leads.terms import ReferenceKind

Vocabulary = dict[str, Words]

ROLES: Vocabulary = {
    Role.DIALER: lazy_gettext("Dialer"),
    Role.SALES: lazy_gettext("Sales"),
    Role.CUSTOMER_SERVICE: lazy_gettext("Customer service"),
    Role.LEAD_MANAGER: lazy_gettext("Lead manager"),
    Role.COMPLIANCE: lazy_gettext("Compliance"),
    Role.ADMIN: lazy_gettext("Administrator"),
}
VERDICTS: Vocabulary = {
    "allow": lazy_gettext("You may call"),
    "deny": lazy_gettext("Do not call"),
    "unknown": lazy_gettext("Not known: do not call"),
}
PAST_VERDICTS: Vocabulary = {
    "allow": lazy_gettext("May be called"),
    "deny": lazy_gettext("Denied"),
    "unknown": lazy_gettext("Not known"),
}
FAULTS: Vocabulary = {
    NumberFault.EMPTY: lazy_gettext("Nothing is written."),
    NumberFault.NOT_A_NUMBER: lazy_gettext("It is not a telephone number."),
    NumberFault.AMBIGUOUS: lazy_gettext("It can be read as more than one number. Write one number only."),
    NumberFault.TOO_SHORT: lazy_gettext("It has too few digits."),
    NumberFault.TOO_LONG: lazy_gettext("It has too many digits."),
    NumberFault.IMPOSSIBLE: lazy_gettext("No such number can exist."),
    NumberFault.INVALID: lazy_gettext("The country's numbering plan has no such number."),
}
GROUNDS: Vocabulary = {
    "partner": lazy_gettext("The person left the number to a partner"),
    "list": lazy_gettext("A bought list"),
    "consent": lazy_gettext("The person's consent"),
    "relation": lazy_gettext("The person is or was a customer"),
}
KINDS: Vocabulary = {"partner": lazy_gettext("Partner"), "list": lazy_gettext("Bought list")}
BASES: Vocabulary = {
    "consent": lazy_gettext("Consent (GDPR art. 6.1.a)"),
    "legitimate_interest": lazy_gettext("Legitimate interest (GDPR art. 6.1.f)"),
}
CHANNELS: Vocabulary = {
    "voice": lazy_gettext("Calls by people"),
    "automated_voice": lazy_gettext("Automated calls"),
}
VIAS: Vocabulary = {
    "phone": lazy_gettext("Telephone"),
    "email": lazy_gettext("Email"),
    "letter": lazy_gettext("Letter"),
    "web": lazy_gettext("Web form"),
    "chat": lazy_gettext("Chat"),
    "visit": lazy_gettext("Visit"),
    IN_A_CALL: lazy_gettext("A sales call"),
}
PAST_VIAS: Vocabulary = {**VIAS, IN_A_LEAD_FILE: lazy_gettext("A lead file")}
"""How a person has said no: nobody chooses that a lead file said it."""
WITHDRAWN_VIAS: Vocabulary = {**PAST_VIAS, BY_OPT_OUT: lazy_gettext("An opt-out")}
"""How a consent was withdrawn: a no to the seller's calls ends those from before it."""
OUTCOMES: Vocabulary = {
    "sale": lazy_gettext("Sale"),
    "declined_offer": lazy_gettext("Declined the offer"),
    "objected": lazy_gettext("Does not want to be called"),
    "no_answer": lazy_gettext("No answer"),
    "busy": lazy_gettext("Busy"),
    "answering_machine": lazy_gettext("Answering machine"),
    "wrong_number": lazy_gettext("Wrong number"),
    "callback": lazy_gettext("Call back later"),
    "minor": lazy_gettext("A minor"),
    "deceased": lazy_gettext("Deceased"),
    "asked_source": lazy_gettext("Asked where the number came from"),
    "failed": lazy_gettext("The call failed"),
}
RESTRICTIONS: Vocabulary = {
    "restricted": lazy_gettext("Restricted (GDPR art. 18)"),
    "deceased": lazy_gettext("Deceased"),
    "vulnerable": lazy_gettext("Vulnerable"),
}
RESOLUTIONS: Vocabulary = {BECAME_OPT_OUT: lazy_gettext("Became an opt-out")}
REFERENCES: Vocabulary = {
    ReferenceKind.CONTRACT: lazy_gettext("Contract"),
    ReferenceKind.INVOICE: lazy_gettext("Invoice"),
    ReferenceKind.ORDER: lazy_gettext("Order"),
}
SURPRISES: dict[str, Words] = {
    # What is kept of a file that surprised, word for word; what a file says itself stands in the holes.
    r"the workbook has 1 hidden sheet, not read": lazy_gettext("the workbook has a hidden sheet, which was not read"),
    r"the workbook has (?P<count>\d+) hidden sheets, not read": lazy_gettext(
        "the workbook has %(count)s hidden sheets, which were not read"
    ),
    r"cells are merged: only the first cell of each merge has its text, the others are empty": lazy_gettext(
        "cells are merged: only the first cell of each merge has its text, the others are empty"
    ),
    r"rows or columns of the sheet are hidden: they are read like the others": lazy_gettext(
        "rows or columns of the sheet are hidden: they were read like the others"
    ),
    r"(?P<heading>.*) came as spreadsheet numbers: leading zeros are lost": lazy_gettext(
        "%(heading)s came as spreadsheet numbers: leading zeros are lost"
    ),
}
TITLES: dict[int, Words] = {
    HTTPStatus.BAD_REQUEST: lazy_gettext("The form is too old"),
    HTTPStatus.FORBIDDEN: lazy_gettext("This page is not for your role"),
    HTTPStatus.NOT_FOUND: lazy_gettext("There is nothing here"),
    HTTPStatus.METHOD_NOT_ALLOWED: lazy_gettext("There is nothing here"),
    HTTPStatus.CONFLICT: lazy_gettext("That was done before"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: lazy_gettext("That is too much at once"),
    HTTPStatus.UNPROCESSABLE_ENTITY: lazy_gettext("Something is missing or cannot be read"),
    HTTPStatus.SERVICE_UNAVAILABLE: lazy_gettext("Try again in a moment"),
}
SENTENCES: dict[int, Words] = {
    HTTPStatus.BAD_REQUEST: lazy_gettext("Nothing was changed. Load the page again and send the form once more."),
    HTTPStatus.FORBIDDEN: lazy_gettext("Your role does not have the right to this. Ask an administrator if it should."),
    HTTPStatus.NOT_FOUND: lazy_gettext("The page does not exist, or what it showed is gone."),
    HTTPStatus.METHOD_NOT_ALLOWED: lazy_gettext("The page does not exist, or what it showed is gone."),
    HTTPStatus.CONFLICT: lazy_gettext("Somebody was faster: nothing was changed now."),
    HTTPStatus.SERVICE_UNAVAILABLE: lazy_gettext(
        "The service is busy or its database cannot be reached. No answer means do not call."
    ),
}
FAILED_TITLE = lazy_gettext("Something went wrong")
FAILED_SENTENCE = lazy_gettext("The failure is on record. No answer means do not call.")
DETAILS: dict[str, Words] = {
    # What the services may say of what a form of ours sent.
    "received_at is in the future": lazy_gettext("The person cannot have said no in the future."),
    "asked_by_person_at is in the future": lazy_gettext("The person cannot have asked in the future."),
    "the person said no after that: an earlier wish does not end it": lazy_gettext(
        "The person said no after that moment. Only a later wish ends an opt-out."
    ),
    "say how it was made sure that the person asked": lazy_gettext("Say how you made sure that the person asked."),
    "say what was found": lazy_gettext("Say what you found."),
    "closing a hold makes no opt-out: turn it into one, or say what was found": lazy_gettext(
        "To close a hold makes no opt-out. Make it one, or say what you found."
    ),
}


def word(words: Vocabulary, code: str | None) -> str:
    """Return the reader's word for the code; a code without a word, as a machine may write it, stands for itself."""
    return str(words.get(code or "", code or "–"))


def error_title(status: int) -> str:
    """Return the heading for a refusal."""
    return str(TITLES.get(status, FAILED_TITLE))


def error_sentence(error: ServiceError) -> str | None:
    """Return what the reader can do about the refusal, or None if the heading says it all."""
    known = DETAILS.get(error.detail)
    return str(known) if known is not None else None


def status_sentence(status: int) -> str | None:
    """Return what to do about a status that no sentence of its own explains."""
    known = SENTENCES.get(status, FAILED_SENTENCE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None)
    return str(known) if known is not None else None


def surprise(warning: str) -> str:
    """Return what surprised in a lead file in the reader's language; a sentence that is not known stands for itself."""
    for form, words in SURPRISES.items():
        if found := re.fullmatch(form, warning, re.DOTALL):
            return str(words) % found.groupdict()
    return warning


def reason_text(reason: ReasonDocument) -> str:
    """Return the reason in the reader's language, with what was wrong with a number that cannot be read."""
    text = reason.text_sv if chosen_language() == "sv" else reason.text
    return f"{text} {word(FAULTS, reason.fault)}" if reason.fault is not None else text


def number_fault(fault: NumberFault) -> str:
    """Return the sentence for a number that cannot be read."""
    opening = gettext("The number cannot be read.")
    return f"{opening} {word(FAULTS, fault)}"
