//! Bodies of requests that are no publishes: whatever they are and in whatever pieces they come, the answer is one that
//! is documented, and the same.

use headwater_server::fuzzing::Site;

use crate::problem;

/// Where they are sent, and the statuses of what is not refused.
const ROUTES: [(&str, &[u16]); 1] = [("/v1/tickets", &[201])];

/// Which route, how long the pieces are, then the body.
///
/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let [route, length, body @ ..] = input else { return };
    let (path, good) = ROUTES[usize::from(*route) % ROUTES.len()];
    let site = Site::new();
    let mut send = |pieces: &[&[u8]]| site.publish(path, b"application/json", pieces).expect("a good target");
    let whole = send(&[body]);
    if !good.contains(&whole.status) {
        problem::check(&whole, &[400, 403, 404, 409, 413]);
    }
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*length) + 1).collect();
    assert_eq!(send(&pieces).status, whole.status, "{whole:?}");
}
