"""What headings mean: Swedish, Norwegian, Danish and English words, as ``leads.headings.plain_heading`` writes them.

A word is in here only where it leaves no doubt: “samtycke” alone may head a date, a text or a yes, so it is not;
no more is “kanal” or “säljare”, which in a lead file mean an advertisement and an employee.
"""

import re

SYNONYMS: dict[str, str] = {
    "number": """number nummer phone phonenumber phoneno phonenr tel telephone telephonenumber telefon telefonnummer
        telefonnr telnr telno tfn tfnnr tlf mobil mobile mobilnummer mobilnr mobiltelefon mobiltelefonnummer mobilephone
        mobilenumber mobileno mobiltel cell cellphone cellnumber kontaktnummer contactnumber msisdn e164 hemtelefon
        telnummer telefonno mobilno mobiltlf mobiltelefonnr tlfnr tlfnummer tlfno hjemmetelefon
        privattelefon""",
    "name": """name namn fullname fullstandigtnamn helanamnet kundnamn kontaktperson customername contactname
        navn fulltnavn fuldenavn fuldtnavn heltnavn kundenavn kontaktnavn helenavnet""",
    "given_name": "givenname firstname fornamn tilltalsnamn forename fornavn",
    "family_name": "familyname lastname surname efternamn etternavn efternavn slektsnavn slaegtsnavn",
    "address": """address adress street streetaddress gatuadress gata postadress postaladdress postaddress
        utdelningsadress hemadress homeaddress addressline1 adressrad1 adresse gateadresse gadeadresse gate gade vei
        vej postadresse hjemmeadresse bostedsadresse bopaelsadresse adresselinje1""",
    "postcode": "postcode postalcode zip zipcode postnummer postnr postkode",
    "city": "city town posttown postort ort stad poststed postdistrikt sted by",
    "email": """email emailaddress mail mailaddress epost epostadress mejl mejladress mailadress epostadresse
        mailadresse emailadress emailadresse""",
    "birth_date": """birthdate birthday dateofbirth dob born fodelsedatum fodelsedag fodd fodelsedat fodselsdato
        fodselsdag fodt fodtdato""",
    "age": """age alder agegroup agerange aldersgrupp aldersgruppe aldersintervall aldersinterval aldersspann
        ageyears ageinyears alderar alderiar""",
    "collected_at": """collectedat collected collectiondate datecollected insamlad insamladden insamlat insamlatden
        insamlingsdatum insamlingstid inhamtad inhamtaddatum leaddate leaddatum registrationdate registreringsdatum
        submittedat timestamp tidsstampel innsamlet innsamletden innsamlingsdato innhentet innhentetden innhentetdato
        indsamlet indsamletden indsamlingsdato indhentet indhentetden registreringsdato tidsstempel tidspunkt
        leaddato""",
    "partner_reference": """partnerreference reference ref referens externalid externtid leadid partnerid partnerref
        suppliersreference leverantorsreferens ordernummer referanse eksternid leverandorreferanse leverandorreference
        ordrenummer ordrenr""",
    "identity": """identity identitynumber personalidentitynumber personalidentityno personalnumber personnumber
        nationalid nationalidnumber ssn socialsecuritynumber personnummer personnr persnr pnr persnummer
        samordningsnummer samordningsnr coordinationnumber personorgnr""",
    "consent_text_version": """consenttextversion consentversion consenttext consenttextid termsversion samtyckestext
        samtyckestextversion samtyckesversion samtyckeversion textversion villkorsversion
        samtykketekst samtykketekstversjon samtykketekstversion samtykkeversjon samtykkeversion vilkarsversjon""",
    "consent_url": """consenturl consentpage formurl pageurl landingpage landingpageurl sourceurl url samtyckesurl
        samtyckeurl samtyckessida formularurl landningssida webbadress samtykkeurl samtykkeside skjemaurl formularside
        landingsside nettadresse webadresse""",
    "consent_at": """consentat consentdate consenttime consenttimestamp consentedat consentgivenat optinat optindate
        optintime optintimestamp samtyckesdatum samtyckedatum samtyckestid samtyckestidpunkt samtycketidpunkt
        samtycktden samtyckegavs samtyckegivet samtykkedato samtykketid samtykketidspunkt samtykkegitt samtykketden
        samtykkegivet""",
    "consent_ip": """consentip ip ipaddress ipno ipnumber consentipaddress optinip samtyckesip samtyckeip ipadress
        ipnummer samtykkeip ipadresse""",
    "consent_sellers": """consentsellers namedsellers namedpartners consentpartners namngivnasaljare namngivnaforetag
        namngivnapartner samtyckesforetag samtyckespartner navngitteselgere navngivnesaelgere samtykkepartnere""",
    "consent_channels": """consentchannels consentchannel samtyckeskanaler samtyckeskanal samtyckekanaler
        samtykkekanaler samtykkekanal""",
}
"""The words for each field, by its name."""

OTHER_IDENTITIES = frozenset(
    ("fodselsnummer", "fodselsnr", "fnr", "dnummer", "cpr", "cprnr", "cprnummer", "henkilotunnus", "hetu", "kennitala")
)
"""Personal identity numbers of other countries: no field is read from them, and their cells are hidden."""

IDENTITY_IN_HEADINGS = (
    *("personnummer", "personnumer", "personnr", "persnr", "samordningsn", "personbeteckning", "fodelsenum"),
    *("personalidentity", "personalidn", "identitetsn", "civicregistration", "civicnumber"),
    *("nationalidentification", "nationalidentity"),
    *("mmddxxxx", "mmddnnnn"),
)
OTHERS_IN_HEADINGS = ("fodselsnummer", "fodselsnr", "cprnummer", "cprnr", "henkilotunnus", "kennitala")
"""What tells of such numbers anywhere in a heading: nothing is kept in clear under “Personnummer (12 siffror)”, nor
under “Född (ÅÅMMDD-XXXX)”."""

SAYS_NOTHING = frozenset(
    (
        *("mobil", "mobile", "cell", "mobiltelefon", "privat", "private", "hem", "home", "e164"),
        *("obligatorisk", "obligatoriskt", "required", "mandatory", "pakrevd", "pakraevet"),
        *("valfri", "valfritt", "valgfri", "valgfritt", "optional"),
        *("aaaammdd", "yyyymmdd", "ddmmaaaa", "ddmmyyyy", "ar", "years"),
    )
)
"""What may stand in brackets after such a word without making it another: a kind, a form, or that it must be there."""

CONSENT = re.compile(
    r"(?:jag|i|har(?:du)?)?(?:gdpr|marketing|marknadsforings|telefon|tel|tlf|phone|calls?|samtals)?"
    r"(?:samtyck(?:e|er|t)|samtykk(?:e|er|et)|consent(?:ed)?|optin)(?:s?status|du|given|givet|lamnat)?(?:till?|to|for)?"
    r"(?:telefon|tel|tlf|phone|telephone|voice|(?:telefon)?samtal|(?:phone)?calls?|(?:telefon)?opkald"
    r"|marketing|marknadsforing|markedsforing)?"
    r"|(?:far|kan|okatt|okejatt|accepterar|godkanner|ma)(?:ringa|ringas|ringes|kontaktas|kontaktes|telefon|samtal)"
    r"|(?:may|can|allow|accepts?|ok)(?:to|be)*(?:phone)?(?:call(?:s|ed)?|contact(?:ed)?)"
)
"""Headings of consent alone, or of consent to calls or to marketing of any kind, and of leave to call."""
NO = frozenset(
    (
        *("nej", "nei", "no", "n", "false", "falsk", "falskt", "f", "usann", "usant", "0", "off", "unchecked"),
        *("ingen", "inget", "ingenting", "none", "never", "aldrig", "aldri", "ej", "inte", "ikke", "ikkje", "not"),
        *("avbojt", "avbojd", "avslaget", "avslagen", "nekar", "nekat", "nekad", "avslatt", "afvist"),
        *("declined", "denied", "refused", "rejected", "withdrawn", "revoked", "optedout", "optout"),
        *("aterkallat", "aterkallad", "trukket", "tilbakekalt", "tilbagekaldt"),
    )
)
"""What a cell under such a heading says, or begins with, where nobody consented."""

_NO_CALLS = re.compile(
    r"(?:has)?(?:do|does|did)?(?:not?)(?:allow|want)?(?:to)?(?:be)?"
    r"(?:call(?:s|ed)?|phone(?:calls?|d)?|contact(?:ed)?|(?:tele)?market(?:ing|ed)?)"
    r"|(?:on)?(?:dnc|donotcall)(?:status|flag|flagga|list|listed|register|registry)?"
    r"|blocked|blockerad|blacklisted|svartlistad|suppressed"
    r"|(?:has)?(?:phone|calls?|telephone|telefon|(?:tele)?marketing)?(?:optout|optedout)"
    r"(?:(?:of|from)?(?:phone)?(?:calls?|telefon|telemarketing))?"
    r"|(?:far|vill?|ska|skall|ma|kan)?(?:ej|inte|ikke|ikkje)(?:bli|blive)?(?:upp)?"
    r"(?:ring(?:as?|d|es|t)?(?:upp)?|kontakt(?:as?|ad|es))"
    r"|(?:far)?(?:ring(?:as?|es)?|kontakt(?:as?|es))(?:ej|inte|ikke|ikkje)"
    r"|(?:vill?)?(?:ej|inte|ikke|ikkje|ingen|inga|nej(?:tack)?(?:till?)?)(?:ha)?"
    r"(?:telefon(?:forsaljning|samtal|salg)?|telemarketing|samtal|marknadsforing|markedsforing|(?:direkt)?reklam(?:e)?)"
    r"|(?:har|med)?(?:direkt)?reklame?(?:sparr(?:ad|at)?|beskyttet|beskyttelse)"
    r"|(?:har)?(?:puhelin(?:myynti)?|telemarkkinointi|(?:suora)?markkinointi|soitto)kielto"
    r"|(?:telefon|samtals|telemarketing|tm|marknadsforings|kontakt|utringnings|salj|gdpr)?"
    r"sparr(?:ad|at)?(?:for)?(?:telefon(?:forsaljning)?|telemarketing|samtal|marknadsforing)?"
    r"|reserver(?:t|et|ad)(?:mot|imod)(?:telefon|telemarketing).*"
)
"""Headings under which a person is marked as one who must not be called: by the supplier or its customer system."""
_ON_REGISTER = re.compile(
    r"(?:ar)?nix(?:telefon)?(?:ad|at|sparr(?:ad|at)?|reg(?:istrerad|istrerat)?|list(?:ad|at)?)"
    r"|(?:finnsi|i|pa)nix(?:telefon|registret|listan)?"
    r"|(?:pa)?robinson(?:list(?:e|en|an|ad|et)?)?|puhelinrobinson"
    r"|(?:is)?(?:on)?(?:the)?c?tps(?:registered|listed|blocked)|(?:is)?on(?:the)?c?tps"
    r"|(?:star|reservert)?(?:i|pa)reservasjonsregist(?:er|eret|ret)"
)
"""Headings under which a number is marked as listed on a national register; not as washed against it."""
_NAMES_REGISTER = re.compile(
    r"nix(?:telefon)?(?:status|flagga|flag|markering|markt|traff|listan?|register|registret)?|c?tps(?:status|flag|match|hit)?|ndd|bloctel"
    r"|reservasjon(?:sregist(?:er|eret|ret))?(?:status)?|reservert"
)
"""Headings that name such a register and not what is said of it: that the number stands on it, was washed against it,
or against which version. There a clear yes alone marks; our own version is asked of the others before every call."""
YES_OR_NO = frozenset(("janej", "jn", "janei", "yesno", "yn", "truefalse", "10", "01", "1", "x", "kryss"))
"""What may stand in brackets after such a heading: how its cells are filled in."""
_DECEASED = re.compile(
    r"(?:ar|is|er)?(?:avliden|avlidna|avled|avdod|dod|deceased|dead|died)(?:datum|dato|date|den|on|ar|year)?"
    r"|(?:datum|dato|dateof)?(?:avliden|dodsfall|death|dod)|dods(?:datum|dato|dag|ar)"
)
"""Headings under which a person is marked as dead, or the day of it stands."""
MARKS = {"do_not_call": _NO_CALLS, "deceased": _DECEASED, "on_register": _ON_REGISTER}
"""What a column may mark people as, and its headings."""
MARKS_BY_YES = {"on_register": _NAMES_REGISTER}
"""What a column may mark those as of whom it says so in a clear yes, and its headings."""
NOT_MARKED = frozenset(
    (
        *("nej", "nei", "no", "n", "false", "falsk", "falskt", "f", "usann", "usant", "0", "off", "unchecked"),
        *("ingen", "inget", "none", "allow", "allowed", "ei", "epatosi"),
    )
)
"""What a cell under such a heading says of a person who is not marked; whatever else it says marks them."""
YES = frozenset(
    (
        *("ja", "j", "yes", "y", "true", "t", "sant", "sann", "1", "x", "on", "kylla", "tosi"),
        *("sparrad", "sparrat", "nixad", "nixat", "registrerad", "registrert", "registreret", "registered"),
        *("reservert", "reserveret", "listad", "listed", "blocked", "traff", "hit"),
    )
)
"""What a cell says, or begins with, that is a clear yes."""
