//! `hlskey token explain`: why a URL is not let through, and what its signer did otherwise.
//!
//! Must not know: token formats; `access` finds out. No secret is printed.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::asked::AskedArgs;
use super::verify::{exit_code, print, show_warnings, view};
use crate::access::check::{Finding, Verdict, explain};

/// `hlskey token explain`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    show_warnings()?;
    let asked = &args.asked;
    let (sections, instance) = asked.load()?;
    let headers = asked.headers();
    let configured = (&sections.schemes, &sections.outbound);
    let named = (asked.scheme.as_str(), &instance);
    let (verdict, finding) = explain(configured, named, asked.asked(&headers), asked.at()).await;
    let code = exit_code(&verdict);
    match asked.json {
        true => println!("{}", json_of(verdict, &finding)?),
        false => {
            print(&view(verdict), false)?;
            show(&finding);
        }
    }
    Ok(code)
}

/// What `token verify` prints, and what was found out.
fn json_of(verdict: Verdict, finding: &Finding) -> anyhow::Result<serde_json::Value> {
    let mut all = serde_json::to_value(view(verdict))?;
    let hints = finding.hints.iter();
    all["canonical"] = json!(finding.canonical);
    all["received"] = json!(finding.received);
    all["hints"] = hints
        .map(|hint| json!({"code": hint.code, "sentence": hint.sentence}))
        .collect();
    all["difference"] = json!(finding.difference.as_ref().map(|difference| {
        json!({
            "at": difference.at,
            "right": difference.right,
            "hashed": difference.hashed,
        })
    }));
    Ok(all)
}

fn show(finding: &Finding) {
    if let Some(canonical) = &finding.canonical {
        println!("hashed here:  {canonical}");
    }
    if let Some(received) = &finding.received {
        println!("its hash:     {received}");
    }
    if let Some(difference) = &finding.difference {
        println!(
            "the signer hashed another text, from character {} on:",
            difference.at
        );
        println!("  right:      …{}", difference.right);
        println!("  signer's:   …{}", difference.hashed);
    }
    for hint in &finding.hints {
        println!("- {} ({})", hint.sentence, hint.code);
    }
    if finding.canonical.is_some() && !finding.is_reproduced {
        println!("- no usual mistake gives its hash: is the secret another?");
    }
}
