import ColonyCore

/// When something is to happen over and over, as cron writes it: `30 2 * * MON-FRI`.
///
/// **Fields.** Five, separated by blanks: minute (0–59), hour (0–23), day of the month (1–31), month (1–12 or `JAN`), day of the week
/// (0–7 or `SUN`; 0 and 7 are Sunday). Six have a second (0–59) before them. A field is a list of numbers, ranges `1-5`, and steps `*/15`,
/// `10-50/20`, or `10/20` for from 10 on. A range of weekdays may end with Sunday. In the fields of days `?` is `*`. Days of the month may
/// be `L` for the last, `L-3` for three days before, `15W` for the day from Monday to Friday that is nearest to the 15th within its month, and `LW`
/// for the last day from Monday to Friday; days of the week may be `FRI#2` for the second Friday and `FRIL` for the last. `@yearly`, `@annually`,
/// `@monthly`, `@weekly`, `@daily`, `@midnight`, and `@hourly` are what they say.
///
/// **Two fields of days.** If both are restricted, a day matches if *either* does; if one begins with `*` or `?`, both must. So `0 0 13 * FRI` is
/// every 13th and every Friday, and `0 0 */2 * MON` every Monday with an odd date. This is what Vixie's cron and its successors do.
///
/// **When clocks are changed.** Local times are skipped when clocks go forward, and come twice when they go back. An expression is *wild*
/// (``isWild``) if its minute or its hour begins with `*`; such expressions mean an interval, the others a time of day.
/// - A wild expression fires at every instant whose local time matches: for times that come twice both times, for skipped ones never, since its
///   next tick is near.
/// - Another fires for each matching local time once: at the first of the two instants if it comes twice; and if it is skipped, at the instant at
///   which the clocks go forward. Several that are skipped together, and one that is at that instant by itself, are one tick.
///
/// Debian's cron says the same of changes of less than three hours, except that jobs that are skipped together each run; here a change may have any
/// size.
///
/// - SeeAlso: `cron(8)` and `crontab(5)` of Debian; `cron.c` of Vixie cron 3.0, `MIN_STAR` and `HR_STAR`; the extensions `L`, `W`, and `#` are those
///   of Quartz.
public struct CronExpression: Hashable, Sendable {
    /// The expression as it was written, with one blank between fields.
    public let text: String
    let seconds: CronNumbers
    let minutes: CronNumbers
    let hours: CronNumbers
    let daysOfMonth: CronNumbers
    let months: CronNumbers
    let daysOfWeek: CronNumbers

    /// Whether the minute or the hour begins with `*`, so that ticks follow the real time when clocks are changed.
    public var isWild: Bool { self.minutes.isWild || self.hours.isWild }

    /// The most bytes of an expression.
    public static let maximumBytes = 255

    private static let shorthands = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    /// Reads an expression.
    ///
    /// - Throws: ``InvalidCron``, which quotes the text, names the field, and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidCron) {
        if text.utf8.count > Self.maximumBytes {
            throw InvalidCron(
                text, reason: "it has \(text.utf8.count) bytes, and \(Self.maximumBytes) are the most")
        }
        let written = text.split { $0 == " " || $0 == "\t" }
        var fields = written
        if let first = written.first, first.hasPrefix("@") {
            guard written.count == 1, let meaning = Self.shorthands[first.lowercased()] else {
                let known = Self.shorthands.keys.sorted().joined(separator: ", ")
                throw InvalidCron(text, reason: "after @ only these are known, alone: \(known)")
            }
            fields = meaning.split(separator: " ")
        }
        switch fields.count {
        case 5: fields.insert("0", at: 0)
        case 6: break
        case 7: throw InvalidCron(text, reason: "it has 7 fields; years are not supported")
        default:
            throw InvalidCron(
                text,
                reason: "it has \(fields.count) fields; 5 are minute, hour, day-of-month, month, day-of-week, and 6 "
                    + "have a second before them")
        }
        func numbers(_ field: CronField) throws(InvalidCron) -> CronNumbers {
            do throws(CronTermError) {
                return try CronNumbers(fields[field.rawValue], of: field)
            } catch {
                throw InvalidCron(text, field: field.name, reason: error.reason)
            }
        }
        self.seconds = try numbers(.second)
        self.minutes = try numbers(.minute)
        self.hours = try numbers(.hour)
        self.daysOfMonth = try numbers(.dayOfMonth)
        self.months = try numbers(.month)
        self.daysOfWeek = try numbers(.dayOfWeek)
        self.text = written.joined(separator: " ")
    }
}

extension CronExpression: CustomStringConvertible {
    public var description: String { self.text }
}
