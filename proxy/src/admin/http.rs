//! Metrics and health over HTTP. Nothing can be changed here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Exposition;
use crate::config::snapshot::MetricsEndpoint;
use crate::drain::{Lifecycle, Phase};

/// What the handlers answer from.
#[derive(Clone)]
pub(crate) struct Pages {
    /// Who may ask.
    pub(crate) endpoint: Arc<MetricsEndpoint>,
    /// Whether weir serves.
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// The metrics.
    pub(crate) exposition: Arc<dyn Exposition>,
}

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's own text format, 0.0.4.
    Classic,
}

impl Format {
    /// What the scraper asked for; the classic format unless it names the other.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepts.into_iter().any(|accept| accept.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }

    /// Its media type.
    fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All pages, behind the checks of Host header and token.
pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(middleware::from_fn_with_state(pages.clone(), admit))
        .with_state(pages)
}

async fn metrics(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let format = Format::wanted(&headers);
    let content_type = HeaderValue::from_static(format.content_type());
    ([(CONTENT_TYPE, content_type)], pages.exposition.encode(format)).into_response()
}

/// The process runs and its control plane answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// New connections are welcome.
async fn readyz(State(pages): State<Pages>) -> Response {
    let phase = pages.lifecycle.phase();
    let status = match phase {
        Phase::Ready => StatusCode::OK,
        Phase::Starting | Phase::Leaving | Phase::Draining | Phase::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, format!("{phase}\n")).into_response()
}

async fn admit(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !host_is_ours(headers, &pages.endpoint) {
        let why = "the Host header is none of this endpoint's names; see metrics_hosts\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    if let Some(token) = &pages.endpoint.token
        && !bears(headers, token)
    {
        return (StatusCode::UNAUTHORIZED, "a bearer token is needed\n").into_response();
    }
    next.run(request).await
}

/// Whether the request was meant for this endpoint: a web page that has its own name resolve to
/// loopback, to read from a browser on this machine, sends that name.
fn host_is_ours(headers: &HeaderMap, endpoint: &MetricsEndpoint) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    if let Ok(address) = host.parse::<SocketAddr>() {
        return ip_is_ours(address.ip(), endpoint);
    }
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return ip_is_ours(ip, endpoint);
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    name == "localhost" || endpoint.hosts.contains(&name)
}

fn ip_is_ours(ip: IpAddr, endpoint: &MetricsEndpoint) -> bool {
    let bound = endpoint.address.ip();
    ip == bound || bound.is_unspecified() || (ip.is_loopback() && bound.is_loopback())
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    sent.and_then(|sent| sent.strip_prefix(b"Bearer ")).is_some_and(|sent| {
        aws_lc_rs::constant_time::verify_slices_are_equal(sent, token.as_bytes()).is_ok()
    })
}
