//! Where an answer comes from: `groundingMetadata` and `citationMetadata`.
//!
//! Google counts bytes of the whole answer, the canonical model counts characters of one text.

use std::collections::HashMap;

use byok_types::chat::Citation;
use byok_types::{Family, RawJson};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::json;

use super::wire;

/// The text that offsets point into: one text of an answer, bounded.
#[derive(Debug, Default)]
pub(super) struct Passage {
    text: String,
    /// Bytes of the answer before this text.
    base: u64,
    /// Bytes of this text, counted even where they are no longer kept.
    length: u64,
}

/// Longer texts are not kept: their citations have no offsets.
const MAX_TEXT: usize = 1024 * 1024;

impl Passage {
    /// Appends text.
    pub(super) fn push(&mut self, more: &str) {
        self.length += more.len() as u64;
        if self.length <= MAX_TEXT as u64 {
            self.text.push_str(more);
        }
    }

    /// Begins the next text of the same answer.
    pub(super) fn begin_next(&mut self) {
        self.base += self.length;
        self.length = 0;
        self.text.clear();
    }

    /// The character at a byte of the answer.
    fn character(&self, byte: u64) -> Option<u64> {
        let at = usize::try_from(byte.checked_sub(self.base)?).ok()?;
        let before = self.whole()?.get(..at)?;
        Some(before.chars().count() as u64)
    }

    /// The byte of this text at a character of it.
    fn byte(&self, character: u64) -> Option<usize> {
        let text = self.whole()?;
        let character = usize::try_from(character).ok()?;
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.into_iter().nth(character)
    }

    fn whole(&self) -> Option<&str> {
        (self.length == self.text.len() as u64).then_some(&*self.text)
    }
}

/// The citations in a candidate's metadata.
pub(super) fn read(
    grounding: Option<&wire::GroundingMetadata>,
    repeated: Option<&wire::CitationMetadata>,
    passage: &Passage,
) -> Vec<Citation> {
    let mut citations = Vec::new();
    if let Some(grounding) = grounding {
        read_grounding(grounding, passage, &mut citations);
    }
    let sources = repeated.into_iter().flat_map(|it| it.sources.iter().chain(&it.citations).flatten());
    for raw in sources {
        let Ok(source) = raw.read::<wire::CitationSource>() else { continue };
        citations.push(Citation {
            start: passage.character(source.start_index.map_or(0, wire::Whole::count)),
            end: source.end_index.and_then(|end| passage.character(end.count())),
            url: source.uri,
            title: source.title,
            text: None,
            family: Family::Gemini,
            raw: raw.clone(),
        });
    }
    citations
}

fn read_grounding(grounding: &wire::GroundingMetadata, passage: &Passage, citations: &mut Vec<Citation>) {
    let chunks: Vec<(wire::GroundingSource, &RawJson)> = grounding
        .chunks
        .iter()
        .flatten()
        .map(|raw| {
            let chunk = raw.read::<wire::GroundingChunk>().unwrap_or_default();
            (chunk.web.or(chunk.retrieved_context).or(chunk.maps).unwrap_or_default(), raw)
        })
        .collect();
    let citation = |(source, raw): &(wire::GroundingSource, &RawJson), start, end| Citation {
        start,
        end,
        url: source.uri.clone(),
        title: source.title.clone(),
        text: source.text.clone(),
        family: Family::Gemini,
        raw: (*raw).clone(),
    };
    let Some(supports) = grounding.supports.as_ref().filter(|supports| !supports.is_empty()) else {
        citations.extend(chunks.iter().map(|chunk| citation(chunk, None, None)));
        return;
    };
    for support in supports.iter().filter_map(|raw| raw.read::<wire::GroundingSupport>().ok()) {
        let segment = support.segment.unwrap_or_default();
        // A segment from the beginning has no `startIndex`: protocol buffers leave out zeros.
        let end = segment.end_index.and_then(|end| passage.character(end.count()));
        let start =
            passage.character(segment.start_index.map_or(0, wire::Whole::count)).filter(|_| end.is_some());
        for index in support.chunk_indices.unwrap_or_default() {
            let chunk = usize::try_from(index.0).ok().and_then(|index| chunks.get(index));
            citations.extend(chunk.map(|chunk| citation(chunk, start, end)));
        }
    }
}

/// `groundingMetadata` under construction.
#[derive(Debug, Default)]
pub(super) struct Grounding {
    chunks: Vec<RawJson>,
    known: HashMap<(Option<String>, Option<String>), usize>,
    supports: Vec<RawJson>,
}

impl Grounding {
    /// Adds a source of the text in `passage`: of the part that it names, or of all so far.
    pub(super) fn add(&mut self, citation: &Citation, passage: &Passage) {
        let key = (citation.url.clone(), citation.title.clone());
        let next = self.chunks.len();
        let index = *self.known.entry(key).or_insert(next);
        if index == next {
            self.chunks.push(RawJson::from_value(&match &citation.url {
                Some(uri) => json!({ "web": { "uri": uri, "title": citation.title } }),
                None => json!({ "retrievedContext": { "title": citation.title, "text": citation.text } }),
            }));
        }
        let Some(text) = passage.whole() else { return };
        let start = citation.start.map_or(Some(0), |start| passage.byte(start));
        let end = citation.end.map_or(Some(text.len()), |end| passage.byte(end));
        let (Some(start), Some(end)) = (start, end) else { return };
        let Some(cited) = text.get(start..end) else { return };
        self.supports.push(RawJson::from_value(&json!({
            "segment": {
                "startIndex": passage.base + start as u64,
                "endIndex": passage.base + end as u64,
                "text": cited,
            },
            "groundingChunkIndices": [index],
        })));
    }

    /// Nothing where nothing was cited.
    pub(super) fn written(&self) -> Option<&Self> {
        (!self.chunks.is_empty()).then_some(self)
    }
}

impl Serialize for Grounding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("GroundingMetadata", 2)?;
        object.serialize_field("groundingChunks", &self.chunks)?;
        object.serialize_field("groundingSupports", &self.supports)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_characters_and_bytes_again() {
        let mut passage = Passage::default();
        passage.push("Vorher. ");
        passage.begin_next();
        passage.push("Ümläute zählen. Mehr.");
        let metadata: wire::GroundingMetadata = serde_json::from_str(
            r#"{"groundingChunks":[{"web":{"uri":"https://example.com/a","title":"A"}},{"web":{"uri":"https://example.com/b"}}],
                "groundingSupports":[{"segment":{"startIndex":8,"endIndex":26,"text":"Ümläute zählen."},"groundingChunkIndices":[0,1,7]},
                                     {"segment":{"startIndex":9,"endIndex":9000},"groundingChunkIndices":[0]}]}"#,
        )
        .unwrap();
        let citations = read(Some(&metadata), None, &passage);
        let seen: Vec<_> = citations.iter().map(|it| (it.url.as_deref(), it.start, it.end)).collect();
        assert_eq!(
            seen,
            [
                (Some("https://example.com/a"), Some(0), Some(15)),
                (Some("https://example.com/b"), Some(0), Some(15)),
                (Some("https://example.com/a"), None, None),
            ]
        );
        let mut grounding = Grounding::default();
        for citation in &citations[..2] {
            grounding.add(citation, &passage);
        }
        assert_eq!(
            serde_json::to_string(&grounding).unwrap(),
            concat!(
                r#"{"groundingChunks":[{"web":{"uri":"https://example.com/a","title":"A"}},{"web":{"uri":"https://example.com/b","title":null}}],"#,
                r#""groundingSupports":[{"segment":{"startIndex":8,"endIndex":26,"text":"Ümläute zählen."},"groundingChunkIndices":[0]},"#,
                r#"{"segment":{"startIndex":8,"endIndex":26,"text":"Ümläute zählen."},"groundingChunkIndices":[1]}]}"#
            )
        );
    }
}
