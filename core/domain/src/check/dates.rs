//! Dates (§4.10): days that do not exist, and weekdays that are not the day's.

use jiff::civil::{Date, Weekday};

use super::finding::{Finding, Part, Rule, Severity};
use super::text::Source;

/// `today` says which year a date without one is of.
pub(super) fn check(source: &Source, part: Part, today: Date, found: &mut Vec<Finding>) {
    let mut place = 0;
    while place < source.chars.len() {
        let Some(written) = day_at(source, place) else {
            place += 1;
            continue;
        };
        found.extend(judge(source, part, &written, today));
        place = written.end;
        // 6月19日（星期五）至21日（星期日）: the second one is of the same month.
        while let Some(next) = next_day(source, &written, place) {
            found.extend(judge(source, part, &next, today));
            place = next.end;
        }
    }
}

/// A day as it stands in a text.
#[derive(Debug, Clone)]
struct Written {
    start: usize,
    end: usize,
    year: Year,
    month: i64,
    day: i64,
    weekday: Option<Weekday>,
}

/// Which year it is of.
#[derive(Debug, Clone, Copy)]
enum Year {
    Named(i64),
    /// 去年, 今年, 明年.
    Beside(i64),
    Unsaid,
}

fn judge(source: &Source, part: Part, written: &Written, today: Date) -> Option<Finding> {
    let span = source.written_span(&(written.start..written.end));
    let text = source.words(&span);
    let finding = |rule, severity, message, suggestion| {
        let (start, end) = (span.start, span.end);
        Some(Finding { rule, severity, part, start, end, text: text.clone(), message, suggestion })
    };
    let years = written.year.candidates(written.month, today);
    let days: Vec<Date> = years.iter().filter_map(|year| date(*year, written.month, written.day)).collect();
    let Some(first) = days.first() else {
        // The 29th of February without a year may be meant of another one.
        let leap = written.month == 2 && written.day == 29 && matches!(written.year, Year::Unsaid);
        let severity = if leap { Severity::Warn } else { Severity::Block };
        return finding(Rule::InvalidDate, severity, format!("“{text}”：没有这一天"), None);
    };
    let said = written.weekday?;
    if days.iter().any(|day| day.weekday() == said) {
        return None;
    }
    let (right, wrong) = (chinese(first.weekday()), chinese(said));
    let message =
        format!("{}年{}月{}日是星期{right}，不是星期{wrong}", first.year(), first.month(), first.day());
    finding(Rule::WeekdayMismatch, Severity::Warn, message, Some(format!("星期{right}")))
}

impl Year {
    /// Without a year it is this one; around New Year also the one that is nearer.
    fn candidates(self, month: i64, today: Date) -> Vec<i64> {
        let this = i64::from(today.year());
        match self {
            Self::Named(year) => vec![year],
            Self::Beside(years) => vec![this + years],
            Self::Unsaid if today.month() >= 11 && month <= 2 => vec![this, this + 1],
            Self::Unsaid if today.month() <= 2 && month >= 11 => vec![this, this - 1],
            Self::Unsaid => vec![this],
        }
    }
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `2026年6月20日（星期六`, from its first digit.
fn day_at(source: &Source, place: usize) -> Option<Written> {
    if !source.at(place)?.is_ascii_digit() || source.before(place).is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    let (first, after) = number(source, place)?;
    let (year, month_at) = match source.at(after)? {
        '年' if after - place == 4 => (Year::Named(first), after + 1),
        '月' => (beside(source, place), place),
        _ => return None,
    };
    let (month, after) = number(source, month_at).filter(|(_, after)| after - month_at <= 2)?;
    (source.at(after)? == '月').then_some(())?;
    day_of(source, place, after + 1, year, month)
}

/// A further day of the same month, such as `至21日（星期日`; only its weekday can be wrong then.
fn next_day(source: &Source, first: &Written, place: usize) -> Option<Written> {
    let start = (place..place + 3).find(|at| source.at(*at).is_some_and(|c| c.is_ascii_digit()))?;
    let between: String = source.normal(&(place..start)).iter().collect();
    let between = between.trim_start_matches([')', ' ']);
    ["至", "到", "、", "-", "~", "—", "和"].contains(&between).then_some(())?;
    let next = day_of(source, start, start, first.year, first.month)?;
    // 6月28日至2日 goes on in the next month.
    (next.day > first.day).then_some(next)
}

fn day_of(source: &Source, start: usize, place: usize, year: Year, month: i64) -> Option<Written> {
    let (day, after) = number(source, place).filter(|(_, after)| after - place <= 2)?;
    matches!(source.at(after)?, '日' | '号').then_some(())?;
    let mut end = after + 1;
    let weekday = weekday_at(source, end).map(|(weekday, after)| {
        end = after;
        weekday
    });
    Some(Written { start, end, year, month, day, weekday })
}

fn number(source: &Source, place: usize) -> Option<(i64, usize)> {
    let rest = source.chars.get(place..)?;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    if !(1..=4).contains(&digits) {
        return None;
    }
    let value = rest.iter().take(digits).fold(0, |sum, c| sum * 10 + i64::from(c.to_digit(10).unwrap_or(0)));
    Some((value, place + digits))
}

fn beside(source: &Source, place: usize) -> Year {
    [("去年", -1), ("今年", 0), ("明年", 1)]
        .into_iter()
        .find(|(word, _)| source.comes_after(place, word))
        .map_or(Year::Unsaid, |(_, years)| Year::Beside(years))
}

/// `（星期六` or ` 周日`, right behind the day.
fn weekday_at(source: &Source, place: usize) -> Option<(Weekday, usize)> {
    let skipped = |c: &char| c.is_whitespace() || matches!(c, '(' | '[' | '〔' | '【' | ',');
    let blanks = source.chars.get(place..)?.iter().take(2).take_while(|c| skipped(c)).count();
    let place = place + blanks;
    let word = ["星期", "礼拜", "周"].into_iter().find(|word| source.goes_on(place, word))?;
    let at = place + word.chars().count();
    let weekday = DAYS.iter().find(|(names, _)| source.at(at).is_some_and(|c| names.contains(c)))?.1;
    Some((weekday, at + 1))
}

const DAYS: [(&str, Weekday); 7] = [
    ("一", Weekday::Monday),
    ("二", Weekday::Tuesday),
    ("三", Weekday::Wednesday),
    ("四", Weekday::Thursday),
    ("五", Weekday::Friday),
    ("六", Weekday::Saturday),
    ("日天", Weekday::Sunday),
];

fn chinese(weekday: Weekday) -> char {
    DAYS.iter().find(|(_, day)| *day == weekday).and_then(|(names, _)| names.chars().next()).unwrap_or('？')
}

#[cfg(test)]
mod tests {
    use jiff::civil;

    use super::*;

    fn found_on(today: Date, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&Source::of(text), Part::Text, today, &mut found);
        let right = |f: &Finding| f.suggestion.clone().unwrap_or_default();
        found.iter().map(|f| format!("{} {} {}", f.rule.as_str(), f.text, right(f))).collect()
    }

    fn found(text: &str) -> Vec<String> {
        found_on(civil::date(2026, 6, 1), text)
    }

    #[test]
    fn a_weekday_is_the_days() {
        assert_eq!(found("6月20日（星期五）"), ["weekday_mismatch 6月20日（星期五 星期六"]);
        assert_eq!(found("２０２６年６月２０号 周日"), ["weekday_mismatch ２０２６年６月２０号 周日 星期六"]);
        assert_eq!(found("去年6月20日（星期六）"), ["weekday_mismatch 6月20日（星期六 星期五"]);
        for right in [
            "6月20日（星期六）",
            "10月1日星期四",
            "5月3日（星期天）",
            "9月20日（周日，调休上班）",
            "6月8日周年庆",
        ] {
            assert_eq!(found(right), Vec::<String>::new(), "{right}");
        }
    }

    #[test]
    fn a_second_day_is_of_the_same_month() {
        let text = "6月19日（星期五）至21日（星期六）";
        assert_eq!(found(text), ["weekday_mismatch 21日（星期六 星期日"]);
        assert_eq!(found("6月19日（星期五）至21日（星期日）放假"), Vec::<String>::new());
        assert_eq!(found("6月28日至2日（星期四）"), Vec::<String>::new());
    }

    #[test]
    fn a_day_that_does_not_exist() {
        assert_eq!(found("2026年2月29日"), ["invalid_date 2026年2月29日 "]);
        assert_eq!(found("4月31日和13月1日"), ["invalid_date 4月31日 ", "invalid_date 13月1日 "]);
        for right in ["2028年2月29日", "12月31日", "3月份", "123年6月1日", "6月底前", "第113月1日"]
        {
            assert_eq!(found(right), Vec::<String>::new(), "{right}");
        }
    }

    #[test]
    fn around_new_year_a_date_may_be_of_either_year() {
        // 5 January 2027 is a Tuesday, 2026 was a Monday.
        let december = civil::date(2026, 12, 20);
        assert_eq!(found_on(december, "1月5日（星期二）"), Vec::<String>::new());
        assert_eq!(found_on(december, "1月5日（星期三）").len(), 1);
        assert_eq!(found("1月5日（星期二）").len(), 1, "not in June");
    }
}
