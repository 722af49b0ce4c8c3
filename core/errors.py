"""Every error Verso raises on purpose.

A message names the thing, what was expected, what was found, and what to do. The dashboard shows the
message and the command line prints it; neither shows a traceback for a `VersoError`.
"""


class VersoError(Exception):
    """Base of every error a user can cause or can act on."""


class WrongUsageError(VersoError):
    """What was asked for is not there to be asked for: another command is needed, not another try."""


class ImageError(VersoError, ValueError):
    """An image was refused at the door; `sha256` is the hex digest of its bytes, where they were read."""

    sha256: str | None = None


class EmptyImageError(ImageError):
    """The file holds no bytes."""


class ImageTooLargeError(ImageError):
    """The file, or the picture its header announces, is over a limit."""


class ImageTooSmallError(ImageError):
    """The picture has too few pixels to judge."""


class UnsupportedImageError(ImageError):
    """The bytes are not a picture in a format Verso reads."""


class NoPictureError(UnsupportedImageError):
    """The file holds something else, and its name does not say that it is a picture."""


class CorruptImageError(ImageError):
    """The picture is truncated or damaged."""


class UnreadableFileError(ImageError, OSError):
    """The path cannot be read: it is missing, a folder, or not permitted."""


class UnreadableVideoError(ImageError):
    """A video is damaged, over a limit, or holds no picture to judge."""


class OutputError(VersoError, OSError):
    """A result cannot be written where it was asked for."""


class ExplanationError(VersoError, ValueError):
    """An explanation was asked for that Verso does not offer."""


class TrustListError(VersoError):
    """The analyst's list of trusted signers cannot be read."""


class ManifestError(VersoError, ValueError):
    """A manifest breaks its schema; the message names the row."""


class CorpusError(VersoError):
    """Images of a corpus are missing, damaged or in contradiction with its manifest."""


class SourceError(VersoError):
    """A source of images could not be used as asked."""


class ItemRefusedError(SourceError):
    """One item of a source could not be had; the others are not affected.

    `final` says that asking again would give the same answer; `attempts` counts the requests made.
    """

    def __init__(self, message: str, *, final: bool, attempts: int = 1) -> None:
        super().__init__(message)
        self.final = final
        self.attempts = attempts


class RecipeError(VersoError, ValueError):
    """A training recipe is unknown or breaks its schema."""


class UnknownRecipeError(RecipeError, WrongUsageError):
    """There is no recipe of that name."""


class TrainingError(VersoError):
    """Training cannot start or resume as asked."""


class UnfitModelError(TrainingError, WrongUsageError):
    """The model is none of which can be made what was asked for."""


class ModelError(VersoError):
    """A model folder is missing or its files do not fit each other."""


class UnknownModelError(ModelError, WrongUsageError):
    """There is no model of that name."""


class EncoderError(VersoError):
    """The weights of the frozen encoder are missing, damaged or of another network, or cannot be fetched."""


class PackageError(VersoError):
    """A package that carries weights cannot be fetched, or is not the pinned one."""


class VersoWarning(UserWarning):
    """Base of every warning; its message is a sentence for users, as that of an error."""


class SettingWarning(VersoWarning):
    """A variable of the environment holds what it cannot; the usual value holds instead."""


class EncoderWarning(VersoWarning):
    """The encoder is not the one a model was fitted on; its verdicts may be wrong."""


class EvaluationWarning(UserWarning):
    """Figures may be better than the model is: it may have learned from the works they are of."""


class EvaluationError(VersoError, ValueError):
    """A figure was asked for that the predictions at hand do not define."""


class SelectionError(EvaluationError, WrongUsageError):
    """Models or images were chosen to be measured that are not there to choose, or one of them twice."""


class AuditError(VersoError):
    """An audit cannot start, go on or be changed as asked."""


class FolderInUseError(AuditError):
    """Another process runs the audit in this folder, or writes its files."""


class ClusterLostError(AuditError):
    """The cluster that judged does not answer any more, and its library in this process cannot end in order."""


class DamagedRequestError(AuditError):
    """What was asked of an audit cannot be read any more."""


class RulingError(VersoError):
    """A ruling cannot be added as asked."""


class ArchiveError(AuditError, ValueError):
    """An archive is refused as a whole: it breaks a limit, or holds what no archive of pictures needs."""


class ListError(AuditError, ValueError):
    """A list of files cannot be read."""


class StoreError(AuditError):
    """The database of audits cannot be opened or is of another version of Verso."""
