//! What an upstream cannot express: left in silence, reported, or refused (wire-format facts, 9).

use byok_types::Fault;
use byok_types::chat::Weight;

use super::request::{Request, Said, Task, Truncate};
use super::{Upstream, cohere};
use crate::fit::ledger::Ledger;
use crate::fit::{Dropped, Lossy};

/// Makes the request fit. A fault (400, naming the field) means that it cannot be served there.
pub(super) fn fit(
    request: &mut Request,
    upstream: Upstream,
    lossy: Lossy,
) -> Result<Vec<Dropped>, Box<Fault>> {
    // Its words are those of OpenAI's embeddings, and there is no other table.
    let mut ledger = Ledger::new(byok_types::Dialect::OpenaiChat, lossy);
    for ext in std::mem::take(&mut request.ext) {
        match ext.weight {
            Weight::Hint => {}
            Weight::Meaning => ledger.drop(&ext.field),
            Weight::Essential => {
                ledger.refuse(&ext.field, "this model's provider has floats and base64 only")?;
            }
        }
    }
    task(&mut request.task, upstream, &mut ledger);
    truncate(&mut request.truncate, upstream, &mut ledger);
    Ok(ledger.into_dropped())
}

fn task(task: &mut Option<Said<Task>>, upstream: Upstream, ledger: &mut Ledger) {
    match (upstream, *task) {
        (Upstream::Openai, Some(said)) => {
            ledger.drop(said.field);
            *task = None;
        }
        (Upstream::Cohere, Some(said)) => {
            let nearest = cohere::nearest(said.value);
            if nearest != said.value {
                ledger.report(said.field, cohere::task_name(nearest));
                *task = Some(Said { value: nearest, ..said });
            }
        }
        // Cohere's newer models answer nothing without one.
        (Upstream::Cohere, None) => *task = Some(Said { field: "input_type", value: Task::Document }),
        (Upstream::Gemini, _) | (Upstream::Openai, None) => {}
    }
}

fn truncate(truncate: &mut Option<Said<Truncate>>, upstream: Upstream, ledger: &mut Ledger) {
    let Some(said) = *truncate else { return };
    // What an upstream does anyway needs no word: OpenAI refuses, Gemini cuts the end off.
    let does_anyway = match upstream {
        Upstream::Cohere => return,
        Upstream::Gemini => Truncate::End,
        Upstream::Openai => Truncate::Never,
    };
    if said.value != does_anyway {
        ledger.drop(said.field);
    }
    *truncate = None;
}
