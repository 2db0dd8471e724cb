//! How the agent is run.

use std::path::PathBuf;

/// Arguments of `edge-agent run`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// The plant file.
    pub file: PathBuf,
    /// Where the agent keeps its data; the plant file's, when left out.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// File with an enrolment token, used when the agent has no identity yet.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
    /// Where the mark beside the journal is kept; best on another disk. In the
    /// data folder, when left out.
    #[arg(long)]
    pub mark: Option<PathBuf>,
    /// Structured logs (JSON) instead of text.
    #[arg(long, env = "TRACEWRIGHT_LOG_JSON")]
    pub log_json: bool,
}
