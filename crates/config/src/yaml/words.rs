//! The YAML library's errors in our words: fixed sentences, as the library's own quote the file.

use serde_saphyr::Error as LibraryError;
use serde_saphyr::granit_parser::ErrorKind;

/// Says what is wrong without quoting the file.
pub(super) fn of(error: &LibraryError) -> &'static str {
    use serde_saphyr::Error as E;
    match error {
        E::AliasError { error, .. } | E::WithSnippet { error, .. } => of(error),
        E::ExternalMessage { source, .. } => match source.as_ref() {
            serde_saphyr::ExternalMessageSource::Parser(error) => syntax(error.kind()),
            _ => UNREADABLE,
        },
        E::Eof { .. } => "the file ends in the middle of something",
        E::MultipleDocuments { .. } => "a second document starts here (`---`); a config is one document",
        E::MergeKeyNotAllowed { .. } | E::MergeValueNotMapOrSeqOfMaps { .. } => {
            "merge keys (`<<`) are not supported; write the fields out"
        }
        E::UnsupportedTag { .. } | E::TaggedScalarCannotDeserializeIntoString { .. } => {
            "tags (`!name`) have no meaning here; put a value that starts with `!` in quotes"
        }
        E::UnknownAnchor { .. } => {
            "there is no anchor (`&name`) for this alias (`*name`); put a value that starts with `*` in quotes"
        }
        E::RecursiveReferencesRequireWeakTypes { .. } => "this alias (`*name`) contains itself",
        E::Budget { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasReplayCounterOverflow { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => {
            "too large: too many entries, aliases that repeat too much, or nested too deeply"
        }
        E::InvalidBinaryBase64 { .. } | E::BinaryNotUtf8 { .. } => {
            "this `!!binary` value is not base64 of a text"
        }
        E::InvalidScalar { .. } | E::InvalidBooleanStrict { .. } => {
            "the value does not fit its YAML tag (`!!name`)"
        }
        E::Unexpected { .. } => "a list or map cannot be the name of a field",
        _ => UNREADABLE,
    }
}

const UNREADABLE: &str =
    "this is not YAML as it should be; look at the quotes, brackets and indentation on and above this line";

/// Says what the scanner stumbled over. Where several slips lead to one kind, the commonest comes first.
fn syntax(kind: &ErrorKind) -> &'static str {
    use ErrorKind as K;
    match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabAtBlockScalarStart
        | K::TabInPlainScalar => "there is a tab here; indent with spaces",
        K::UnclosedQuotedScalar => "a quote is opened here and never closed",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "something follows the closing quote; put the whole value in one pair of quotes"
        }
        K::UnclosedFlowCollection { .. }
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofImplicitFlowMapping => "a bracket is opened and never closed",
        K::MismatchedFlowCollectionEnd { .. } | K::MisplacedFlowCollectionEnd => {
            "this bracket closes none that is open"
        }
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => {
            "a comma or a closing bracket is missing before this"
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            "expected `name: value`; perhaps the colon, or the space after it, is missing"
        }
        K::MappingValueNotAllowed | K::InvalidColonPlacement | K::MappingKeyNotAllowed => {
            "a colon too many, or the line is indented wrongly; put a value with `: ` in it in quotes"
        }
        K::InvalidIndentation
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::InvalidFlowScalarIndent
        | K::InvalidQuotedScalarIndent
        | K::InvalidBlockScalarIndent
        | K::ExpectedDocumentStart => {
            "the indentation does not fit the lines above; fields of one group start in the same column"
        }
        K::UnexpectedCharacter { .. } => {
            "a value cannot start with this character (`@`, `%`, a backtick or a control character); put it in quotes"
        }
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidUnicodeEscape
        | K::InvalidLowSurrogate
        | K::InvalidLowSurrogateHexEscape
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate => {
            "in double quotes a backslash starts an escape; write `\\\\`, or use single quotes"
        }
        K::BlockSequenceEntryNotAllowed
        | K::BlockEntryInFlowCollection
        | K::InvalidBlockEntryWhitespace
        | K::PlainScalarStartsWithDashFlowIndicator => {
            "a list entry (`- `) does not belong here; put a value that starts with `-` in quotes"
        }
        K::CommentNotSeparated | K::CommentInterceptedScalar => {
            "a comment needs a space before its `#`; put a value with `#` in it in quotes"
        }
        K::UnknownAnchor | K::MissingAnchorOrAliasName => {
            "there is no anchor (`&name`) for this alias (`*name`); put a value that starts with `*` or `&` in quotes"
        }
        K::UndeclaredTagHandle
        | K::ExpectedTagBang
        | K::InvalidTagTerminator
        | K::MissingTagUri
        | K::UnclosedVerbatimTag
        | K::InvalidTagEscape
        | K::InvalidGlobalTagCharacter => {
            "tags (`!name`) have no meaning here; put a value that starts with `!` in quotes"
        }
        K::RecursionLimitExceeded => "nested too deeply",
        K::UnexpectedEof | K::UnexpectedEofBlockMapping | K::UnexpectedEofBlockSequence => {
            "the file ends in the middle of something"
        }
        K::BomInsideDocument => "there is an invisible character (a byte-order mark) here; delete it",
        K::MultipleDocumentsUnsupported => "a second document starts here (`---`); a config is one document",
        _ => UNREADABLE,
    }
}
