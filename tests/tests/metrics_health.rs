//! Health, readiness, metrics and the hub's own topic.

use headwater_testkit::Hub;

#[test]
fn a_hub_starts_and_starts_again_on_the_same_address() {
    let mut hub = Hub::start();
    let address = hub.address();
    hub.kill();
    hub.restart();
    assert_eq!(hub.address(), address);
    assert!(hub.terminate().success());
}
