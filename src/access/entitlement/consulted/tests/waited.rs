//! A source that takes longer than its answer counts.
//!
//! Must not know: any real source.

use super::*;

/// A source that takes longer than its answer counts for: who waited has it all the same.
#[tokio::test]
async fn an_answer_that_is_over_at_once_answers_whoever_waited() {
    for (allow, ttl) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let answer = Answer {
            ttl: Some(Duration::from_secs(ttl)),
            ..if allow { YES } else { Answer::NO }
        };
        let bench = Bench::new(Line::Hold(answer), "[cache]\nmin_ttl = '1s'");
        let slowly = async {
            while bench.script.asked() == 0 {
                tokio::task::yield_now().await;
            }
            bench.pass(2);
            bench.script.let_go();
        };
        let (is_let_in, ()) = tokio::join!(bench.is_let_in("alice"), slowly);
        assert_eq!(
            (is_let_in, bench.script.asked()),
            (allow, 1),
            "{allow} {ttl}"
        );
    }
}
