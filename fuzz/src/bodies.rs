//! Bodies of requests that are no publishes: whatever they are and in whatever pieces they come, the answer is one that
//! is documented, and the same.

use headwater_server::fuzzing::Site;

use crate::problem;

/// Where they are sent, and the statuses of what is not refused.
const ROUTES: [(&str, &[u16]); 3] =
    [("/v1/tickets", &[201]), ("/v1/admin/explain", &[200]), ("/v1/admin/revocations", &[201])];

/// Which route, how long the pieces are, then the body.
///
/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let [route, length, body @ ..] = input else { return };
    let (path, good) = ROUTES[usize::from(*route) % ROUTES.len()];
    // Sessions are asked for from shards, which do not run here.
    let names_session = |body: serde_json::Value| body.get("session").is_some();
    if path.ends_with("revocations") && serde_json::from_slice(body).is_ok_and(names_session) {
        return;
    }
    let site = Site::new();
    let send = |pieces: &[&[u8]]| site.publish(path, b"application/json", pieces).expect("a good target");
    let whole = send(&[body]);
    if !good.contains(&whole.status) {
        problem::check(&whole, &[400, 403, 404, 409, 413]);
    }
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*length) + 1).collect();
    assert_eq!(send(&pieces).status, whole.status, "{whole:?}");
}
