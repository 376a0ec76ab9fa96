//! SEC-06, T3: tickets live for seconds until they are used, and then for their session.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it like the test itself")]

use std::time::{Duration, SystemTime};

use headwater_access::{Grant, Refusal, Rights, TicketError, Tickets};

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

#[test]
fn an_unused_ticket_is_gone_after_its_time() {
    let mut tickets = Tickets::new(10);
    let (text, until) = tickets.issue(&grant(1000), orders(), TTL, at(100), [7; 32]).unwrap();
    assert_eq!(until, at(130));
    assert_eq!(tickets.redeem(&text, at(130)), Err(Refusal::UnknownTicket));
    assert!(tickets.is_empty());
}

#[test]
fn a_used_ticket_opens_its_reconnects_until_the_credential_ends() {
    let mut tickets = Tickets::new(10);
    let (text, _) = tickets.issue(&grant(1000), orders(), TTL, at(100), [7; 32]).unwrap();
    for time in [129, 500, 999] {
        let opened = tickets.redeem(&text, at(time)).unwrap();
        assert_eq!(opened.rights, orders());
        assert_eq!((opened.subject.as_deref(), opened.expires_s), (Some("ada"), 1000));
    }
    assert_eq!(tickets.redeem(&text, at(1000)), Err(Refusal::UnknownTicket));
}

#[test]
fn a_ticket_opens_no_more_than_its_maker_may() {
    let mut tickets = Tickets::new(10);
    let mut issue = |rights| tickets.issue(&grant(1000), rights, TTL, at(100), [7; 32]).map(|_| ());
    assert_eq!(issue(Rights::parse(&["**"], &[], false).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &["orders/1"], false).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &[], true).unwrap()), Err(TicketError::Forbidden));
    assert_eq!(issue(Rights::parse(&["orders/*"], &[], false).unwrap()), Ok(()));
    assert_eq!(tickets.issue(&grant(100), orders(), TTL, at(100), [8; 32]), Err(TicketError::Expired));
}

#[test]
fn tickets_are_bounded_and_make_room_when_they_are_over() {
    let mut tickets = Tickets::new(2);
    for n in 0..2 {
        assert!(tickets.issue(&grant(1000), orders(), TTL, at(100), [n; 32]).is_ok());
    }
    assert_eq!(tickets.issue(&grant(1000), orders(), TTL, at(110), [9; 32]), Err(TicketError::Full));
    assert!(tickets.issue(&grant(1000), orders(), TTL, at(131), [9; 32]).is_ok());
    // Far longer than a ticket may wait.
    let (_, until) = tickets.issue(&grant(9000), orders(), Duration::from_secs(3600), at(131), [10; 32]).unwrap();
    assert_eq!(until, at(191));
    assert_eq!(tickets.redeem("", at(131)), Err(Refusal::UnknownTicket));
    assert_eq!(format!("{tickets:?}").matches("CgoKC").count(), 0, "no text of it shows a ticket");
}
