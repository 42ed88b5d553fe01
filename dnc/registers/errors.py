"""Why a register file is refused. In every case the version in force stays in force."""

from core.errors import Kind, ServiceError


class UnknownRegister(ServiceError):
    """No register has this name."""

    kind, code, title = Kind.NOT_FOUND, "unknown-register", "There is no register of that name"


class RegisterDateMissing(ServiceError):
    """Nothing says which day the contents are from, so nothing could say how long they hold."""

    kind, code, title = Kind.INVALID, "register-date-missing", "The register file has no date"


class RegisterDateInFuture(ServiceError):
    """The contents, or a change in them, are said to be from a day that has not come."""

    kind, code, title = Kind.INVALID, "register-date-in-future", "The register's date has not come yet"


class RegisterFileNotFound(ServiceError):
    """There is no such file."""

    kind, code, title = Kind.INVALID, "register-file-not-found", "The register file is not there"


class RegisterFileNotReadable(ServiceError):
    """It is no regular file, or the system does not let it be read."""

    kind, code, title = Kind.INVALID, "register-file-not-readable", "The register file cannot be opened"


class RegisterFileChanged(ServiceError):
    """The file was written to while it was being read."""

    kind, code, title = Kind.CONFLICT, "register-file-changed", "The register file changed while it was read"


class RegisterFileEmpty(ServiceError):
    """It holds no number: an empty list never replaces a good one."""

    kind, code, title = Kind.INVALID, "register-file-empty", "The register file is empty"


class RegisterFileBinary(ServiceError):
    """It is not text."""

    kind, code, title = Kind.INVALID, "register-file-binary", "The register file is not text"


class RegisterFileEncoding(ServiceError):
    """It is text in neither UTF-8 nor Windows-1252, or in both."""

    kind, code, title = Kind.INVALID, "register-file-encoding", "The register file's encoding is not known"


class RegisterLineTooLong(ServiceError):
    """A line is longer than any number could make it."""

    kind, code, title = Kind.INVALID, "register-line-too-long", "A line of the register file is too long"


class RegisterFileTooLarge(ServiceError):
    """It has, or unpacks to, more than a register holds."""

    kind, code, title = Kind.TOO_LARGE, "register-file-too-large", "The register file is too large"


class RegisterArchiveDamaged(ServiceError):
    """The gzip or zip archive is cut short, corrupt, encrypted or packed in a way that is not read here."""

    kind, code, title = Kind.INVALID, "register-archive-damaged", "The archive cannot be unpacked"


class RegisterArchiveMembers(ServiceError):
    """The zip archive has none or several files in it, and nothing says which is the register."""

    kind, code, title = Kind.INVALID, "register-archive-members", "The archive does not hold exactly one file"


class RegisterArchiveNested(ServiceError):
    """The archive holds another archive."""

    kind, code, title = Kind.INVALID, "register-archive-nested", "The archive holds another archive"


class RegisterLinesRejected(ServiceError):
    """A line could not be read as one number, and nobody said why it may be left out; or more than 1 % could not."""

    kind, code, title = Kind.INVALID, "register-lines-rejected", "Lines of the register file cannot be read"


class RegisterOfAnotherCountry(ServiceError):
    """More numbers than the policy allows belong to another country than the register."""

    kind, code, title = Kind.INVALID, "register-of-another-country", "The numbers are of another country"


class RegisterShrunken(ServiceError):
    """It holds far fewer numbers than the version in force: a part of it is probably missing."""

    kind, code, title = Kind.CONFLICT, "register-shrunken", "The register has shrunk too much"


class RegisterLinesOther(ServiceError):
    """It does not have as many lines with a number as its sender said: a part of it is missing, or it is another."""

    kind, code, title = Kind.CONFLICT, "register-lines-other", "The register file has another number of lines"


class RegisterOlder(ServiceError):
    """Its date is before that of the version in force."""

    kind, code, title = Kind.CONFLICT, "register-older", "A newer version is in force"


class RegisterLayoutInvalid(ServiceError):
    """The layout is not one that files can be read by."""

    kind, code, title = Kind.INVALID, "register-layout-invalid", "The register's layout cannot be used"


class RegisterCountryTaken(ServiceError):
    """Another register answers for the country: there is one for each."""

    kind, code, title = Kind.CONFLICT, "register-country-taken", "The country has another register"


class RegisterColumnMissing(ServiceError):
    """The file has no column, or two, of a name that the register's layout reads."""

    kind, code, title = Kind.INVALID, "register-column-missing", "The register file lacks a column"


class RegisterXmlRefused(ServiceError):
    """It is XML that is broken off, not well-formed, too deep, or declares entities."""

    kind, code, title = Kind.INVALID, "register-xml-refused", "The register's XML cannot be read"


class RegisterChangesNotTaken(ServiceError):
    """The register's layout knows no change lists."""

    kind, code, title = Kind.INVALID, "register-changes-not-taken", "The register takes no change lists"


class RegisterBaseMissing(ServiceError):
    """There is no full version for the changes to be made to, or its snapshot cannot be read here."""

    kind, code, title = Kind.CONFLICT, "register-base-missing", "There is no version to change"


class RegisterBaseOther(ServiceError):
    """The changes are to another version than the one in force: what lies between would be lost."""

    kind, code, title = Kind.CONFLICT, "register-base-other", "The changes are to another version"
