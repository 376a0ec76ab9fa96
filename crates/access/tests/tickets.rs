//! SEC-06, T3: tickets live for seconds until they are used, and then for their session.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it like the test itself")]

use std::time::{Duration, SystemTime};

use headwater_access::{Grant, Refusal, Rights, TicketError, Tickets};
use headwater_log::{Pattern, Selection};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn grant(expires_s: u64) -> Grant {
    let rights = Rights::parse(&["orders/**"], &["orders/**"], false).unwrap();
    Grant { rights, subject: Some("ada".into()), id: None, issuer: None, issued_s: None, expires_s }
}

fn orders() -> Rights {
    Rights::parse(&["orders/42"], &[], false).unwrap()
}

const TTL: Duration = Duration::from_secs(30);

fn selection(names: &[&str]) -> Selection {
    Selection::new(names.iter().map(|name| Pattern::new(name).unwrap()))
}

#[test]
fn an_unused_ticket_is_gone_after_its_time() {
    let mut tickets = Tickets::<u8>::new(10);
    let (text, until) = tickets.issue(&grant(1000), orders(), TTL, at(100), [7; 32]).unwrap();
    assert_eq!(until, at(130));
    let (key, _) = tickets.find(&text, at(129)).unwrap();
    assert_eq!(
        tickets.redeem(&key, &selection(&["orders/42"]), at(130)),
        Err(Refusal::UnknownTicket),
        "to look is no use"
    );
    assert_eq!(tickets.find(&text, at(129)), Err(Refusal::UnknownTicket));
    assert!(tickets.is_empty());
}

#[test]
fn a_used_ticket_opens_its_reconnects_until_the_credential_ends() {
    let mut tickets = Tickets::<u8>::new(10);
    let (text, _) = tickets.issue(&grant(1000), orders(), TTL, at(100), [7; 32]).unwrap();
    for time in [129, 500, 999] {
        let (key, opened) = tickets.find(&text, at(time)).unwrap();
        assert_eq!(opened.rights, orders());
        assert_eq!((opened.subject.as_deref(), opened.expires_s), (Some("ada"), 1000));
        assert_eq!(tickets.redeem(&key, &selection(&["orders/42"]), at(time)), Ok(()));
    }
    assert_eq!(tickets.find(&text, at(1000)), Err(Refusal::UnknownTicket));
}

#[test]
fn a_used_ticket_is_for_the_topics_of_its_first_use() {
    let mut tickets = Tickets::<u8>::new(10);
    let rights = Rights::parse(&["orders/**"], &[], false).unwrap();
    let (text, _) = tickets.issue(&grant(1000), rights, TTL, at(100), [7; 32]).unwrap();
    let (key, _) = tickets.find(&text, at(100)).unwrap();
    let mut redeem = |names: &[&str]| tickets.redeem(&key, &selection(names), at(101));
    assert_eq!(redeem(&["orders/1", "orders/2/*"]), Ok(()));
    assert_eq!(redeem(&["orders/2/*", "orders/1"]), Ok(()), "in any order");
    for other in [&["orders/1"][..], &["orders/2/*"], &["orders/1", "orders/2/*", "orders/3"], &["orders/**"], &[]] {
        assert_eq!(redeem(other), Err(Refusal::OtherTopics), "{other:?}");
    }
}

#[test]
fn a_ticket_holds_one_session_at_a_time() {
    let mut tickets = Tickets::new(10);
    let mut key = |random| {
        let (text, _) = tickets.issue(&grant(1000), orders(), TTL, at(100), [random; 32]).unwrap();
        tickets.find(&text, at(100)).unwrap().0
    };
    let (one, other) = (key(1), key(2));
    assert_eq!(tickets.opened(&one, "a"), None);
    assert_eq!(tickets.opened(&other, "b"), None);
    assert_eq!(tickets.opened(&one, "c"), Some("a"));
    assert_eq!(tickets.opened(&one, "d"), Some("c"));
}

#[test]
fn a_ticket_lasts_as_long_as_its_session_is_renewed() {
    let mut tickets = Tickets::<u8>::new(10);
    let (text, _) = tickets.issue(&grant(1000), orders(), TTL, at(100), [7; 32]).unwrap();
    let (key, _) = tickets.find(&text, at(100)).unwrap();
    assert_eq!(tickets.redeem(&key, &selection(&["orders/42"]), at(100)), Ok(()));
    tickets.renew(&key, &Grant { id: Some("next".into()), ..grant(2000) });
    let (_, renewed) = tickets.find(&text, at(1999)).unwrap();
    assert_eq!(renewed.rights, orders(), "it opens no more than before");
    assert_eq!(renewed.id.as_deref(), Some("next"), "and goes with the new token");
    assert_eq!(tickets.find(&text, at(2000)), Err(Refusal::UnknownTicket));
    tickets.renew(&key, &grant(3000));
    assert!(tickets.is_empty(), "what is gone does not come back");
}

#[test]
fn a_ticket_opens_no_more_than_its_maker_may() {
    let mut tickets = Tickets::<u8>::new(10);
    let mut issue = |rights| tickets.issue(&grant(1000), rights, TTL, at(100), [7; 32]).map(|_| ());
    assert_eq!(issue(Rights::parse(&["**"], &[], false).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &["orders/1"], false).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &[], true).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &[], false).unwrap()), Ok(()));
    assert_eq!(tickets.issue(&grant(100), orders(), TTL, at(100), [8; 32]), Err(TicketError::Expired));
}

#[test]
fn tickets_are_bounded_and_make_room_when_they_are_over() {
    let mut tickets = Tickets::<u8>::new(2);
    for n in 0..2 {
        assert!(tickets.issue(&grant(1000), orders(), TTL, at(100), [n; 32]).is_ok());
    }
    assert_eq!(tickets.issue(&grant(1000), orders(), TTL, at(110), [9; 32]), Err(TicketError::Full));
    assert!(tickets.issue(&grant(1000), orders(), TTL, at(131), [9; 32]).is_ok());
    // Far longer than a ticket may wait.
    let (_, until) = tickets.issue(&grant(9000), orders(), Duration::from_secs(3600), at(131), [10; 32]).unwrap();
    assert_eq!(until, at(191));
    assert_eq!(tickets.find("", at(131)), Err(Refusal::UnknownTicket));
    assert_eq!(format!("{tickets:?}").matches("CgoKC").count(), 0, "no text of it shows a ticket");
}
