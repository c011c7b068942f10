use super::*;

fn flow(proxied: bool) -> Flow {
    Flow::new(Pace { per_second: 1000, window: 64, proxied })
}

/// Begins as many as there are places at this time.
fn fill(flow: &mut Flow, next: &mut u64, now: u64) -> u64 {
    let first = *next;
    while flow.free(now).is_some_and(|at| at <= now + 100) {
        *next += 1;
        flow.begin(*next, now);
    }
    *next - first
}

/// As many begin as may, in these tenths of a second, and each ends like this after so many milliseconds.
fn pass(flow: &mut Flow, tenths: u64, mut how: impl FnMut(u64) -> (Sign, u64)) {
    let start = 1000.max(flow.heard_at);
    for now in (start..start + tenths * 100).step_by(10) {
        let first = flow.begun + 1;
        while flow.free(now) == Some(now) {
            flow.begin(flow.begun + 1, now);
        }
        for number in first..=flow.begun {
            let (sign, took) = how(number);
            flow.end(number, sign, now + took);
        }
    }
}

#[test]
fn the_window_grows_with_answers_to_its_cap() {
    let (mut flow, mut next) = (flow(true), 0);
    assert_eq!(fill(&mut flow, &mut next, 1000), 16);
    for number in 1..=16 {
        flow.end(number, Sign::Heard, 1001);
    }
    assert!((31.9..32.1).contains(&flow.window), "{}", flow.window);
    for _ in 0..10 {
        let first = next + 1;
        (first..first + 64).for_each(|number| flow.begin(number, 1002));
        (first..first + 64).for_each(|number| flow.end(number, Sign::Heard, 1003));
        next += 64;
    }
    assert!((63.9..64.1).contains(&flow.window));
}

#[test]
fn a_proxy_is_given_more_little_by_little_however_quickly_it_answers() {
    let mut flow = flow(true);
    pass(&mut flow, 100, |_| (Sign::Heard, 1));
    assert!((390.0..410.0).contains(&flow.rate), "after ten seconds: {flow:?}");
    assert!(flow.window < 63.0, "no more than are needed: {flow:?}");
}

#[test]
fn after_a_rest_a_proxy_is_begun_with_anew() {
    for (rest, anew) in [(5_000, false), (15_000, true)] {
        let mut flow = flow(true);
        pass(&mut flow, 100, |_| (Sign::Heard, 1));
        flow.begin(flow.begun + 1, flow.heard_at + rest);
        assert_eq!(flow.rate < 210.0, anew, "{rest}: {flow:?}");
    }
}

#[test]
fn near_the_rate_that_was_too_much_it_grows_slower() {
    let mut flow = flow(true);
    pass(&mut flow, 100, |_| (Sign::Heard, 1));
    let next = flow.begun + 1;
    pass(&mut flow, 1, |number| (if number == next { Sign::Overload(0) } else { Sign::Heard }, 1));
    let too_much = flow.too_much;
    assert!((300.0..410.0).contains(&too_much) && flow.rate < too_much * 0.6, "{flow:?}");
    pass(&mut flow, 200, |_| (Sign::Heard, 1));
    assert!(flow.rate > too_much * 0.75 && flow.rate < too_much, "{flow:?}");
}

#[test]
fn an_overload_halves_once_for_all_that_is_under_way_and_its_pause_is_kept() {
    let (mut flow, mut next) = (flow(true), 0);
    fill(&mut flow, &mut next, 1000);
    for number in 1..=16 {
        flow.end(number, Sign::Overload(5000), 1100);
    }
    assert!((7.9..8.1).contains(&flow.window) && flow.rate < 9.0, "{flow:?}");
    assert_eq!(flow.free(1100), Some(6100));
    flow.begin(17, 6100);
    flow.end(17, Sign::Overload(u64::MAX), 6200);
    assert_eq!(flow.free(6200), Some(6200 + LONGEST_PAUSE), "no server stops us for ever");
}

#[test]
fn what_one_phone_says_of_itself_slows_nobody_else() {
    let mut flow = flow(false);
    for number in 1..=100 {
        flow.begin(number, 1000);
        flow.end(number, if number % 10 == 0 { Sign::Overload(60_000) } else { Sign::Heard }, 1001);
    }
    assert!((63.9..64.1).contains(&flow.window));
    assert!(flow.free(1200).is_some_and(|at| at <= 1200));
}

#[test]
fn the_silent_give_their_places_back_up_to_a_bound() {
    let (mut flow, mut next, mut now) = (flow(false), 0, 1000);
    assert_eq!(fill(&mut flow, &mut next, now), 64);
    assert_eq!(flow.free(now + 500), Some(now + PATIENCE));
    for _ in 0..40 {
        now += PATIENCE;
        fill(&mut flow, &mut next, now);
    }
    assert_eq!(next, 64 + 64 * SILENT as u64);
    assert_eq!(flow.free(now + 60_000), None);
    flow.end(1, Sign::Lost, now);
    assert!(flow.free(now + PATIENCE).is_some());
}

#[test]
fn a_dead_tenth_slows_nobody_and_a_dead_half_behind_a_proxy_does() {
    for (dead_of_ten, slower) in [(1, false), (5, true)] {
        let mut flow = flow(true);
        pass(&mut flow, 20, |number| (if number % 10 < dead_of_ten { Sign::Lost } else { Sign::Heard }, 1));
        assert_eq!(flow.window < 16.0, slower, "{dead_of_ten}: {flow:?}");
    }
}

#[test]
fn after_a_decrease_the_speed_comes_back_little_by_little() {
    let mut flow = flow(true);
    pass(&mut flow, 20, |number| (if number == 300 { Sign::Overload(0) } else { Sign::Heard }, 1));
    let rate = flow.rate;
    assert!(flow.window < 16.0 && rate < 145.0, "{flow:?}");
    pass(&mut flow, 10, |_| (Sign::Heard, 1));
    assert!(flow.rate > rate && flow.rate < rate + 25.0, "{flow:?}");
}

#[test]
fn a_few_that_are_answered_only_when_they_are_sent_again_slow_all_behind_a_proxy() {
    for (late_of_forty, slower) in [(1, false), (4, true)] {
        let mut flow = flow(true);
        pass(&mut flow, 20, |number| (Sign::Heard, if number % 40 < late_of_forty { RESENT + 1 } else { 1 }));
        assert_eq!((flow.window < 16.0, flow.rate < 180.0), (slower, slower), "{late_of_forty}: {flow:?}");
    }
}

#[test]
fn a_proxy_that_falls_silent_is_given_no_more_until_its_silence_is_counted() {
    for proxied in [true, false] {
        let (mut flow, mut next) = (flow(proxied), 0);
        for _ in 0..8 {
            next += 1;
            flow.begin(next, 1000);
        }
        flow.end(1, Sign::Heard, 1010);
        let quiet = 1010 + SLOW + 1;
        assert_eq!(flow.free(quiet), Some(if proxied { 1000 + PATIENCE } else { quiet }));
        flow.end(2, Sign::Heard, quiet);
        assert_eq!(flow.free(quiet), Some(quiet), "it is heard again");
    }
}

#[test]
fn the_window_grows_no_more_when_it_only_makes_a_queue_longer() {
    let mut flow = flow(true);
    for (number, took) in (1..=100).map(|number| (number, if number == 1 { 2 } else { 40 })) {
        flow.begin(number, 1000);
        flow.end(number, Sign::Heard, 1000 + took);
    }
    assert!(flow.window < 40.0, "{flow:?}");
}
