extension Duration {
    /// Reads a duration as people write it on a command line: a number and a unit, such as `250ms`, `30s`, `1.5m`, `12h`, `7d`.
    ///
    /// - Throws: ``InvalidName``, which quotes the text. A bare number is refused, because nobody knows its unit.
    public init(text: String) throws(InvalidName) {
        func refused(_ reason: String) -> InvalidName {
            InvalidName(role: "duration", value: text, reason: reason)
        }
        let digits = text.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        let unit = text.dropFirst(digits.count)
        guard let number = Double(digits), number.isFinite else {
            throw refused("it does not start with a number; 250ms, 30s, and 1.5m are examples")
        }
        let unitSeconds: Double
        switch unit {
        case "ms": unitSeconds = 0.001
        case "s": unitSeconds = 1
        case "m": unitSeconds = 60
        case "h": unitSeconds = 3_600
        case "d": unitSeconds = 86_400
        case "": throw refused("the unit is missing; use ms, s, m, h, or d")
        default: throw refused("the unit is not one of ms, s, m, h, and d")
        }
        guard number >= 0 else { throw refused("it is negative") }
        let seconds = number * unitSeconds
        guard seconds <= 3_155_760_000 else { throw refused("it is longer than a century") }
        self = .nanoseconds(Int64((seconds * 1e9).rounded()))
    }

    /// The duration as people read it, with at most three digits of fraction: `250 ms`, `29.5 s`, `3 m 20 s`, `2 h 5 m`.
    public var text: String {
        let milliseconds = self.clampedMilliseconds
        switch milliseconds {
        case ..<0: return "-" + (Duration.zero - self).text
        case ..<1_000: return "\(milliseconds) ms"
        case ..<60_000:
            let tenths = (milliseconds % 1_000) / 100
            return tenths == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds / 1_000).\(tenths) s"
        case ..<3_600_000: return "\(milliseconds / 60_000) m \(milliseconds / 1_000 % 60) s"
        case ..<86_400_000: return "\(milliseconds / 3_600_000) h \(milliseconds / 60_000 % 60) m"
        default: return "\(milliseconds / 86_400_000) d \(milliseconds / 3_600_000 % 24) h"
        }
    }
}
