import ArgumentParser
import ColonyCore
import ColonyQueues

/// The name of a queue on the command line.
struct QueueNameArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The queue: 1 to 255 bytes of UTF-8 without control characters.", valueName: "name"),
        transform: { try QueueName($0) })
    var name: QueueName
}

/// Words of the command line that queues take.
enum QueueArguments {
    static func id(_ text: String) throws -> MessageID {
        guard let number = Int64(text), number > 0 else {
            throw ValidationError("\(NameRules.quoted(text)) is not the number of a message, which is 1 or more.")
        }
        return MessageID(rawValue: number)
    }

    static func count(_ text: String) throws -> Int {
        guard let number = Int(text), number > 0 else {
            throw ValidationError("\(NameRules.quoted(text)) is not a number of messages, which is 1 or more.")
        }
        return number
    }

    static func header(_ text: String) throws -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ValidationError("\(NameRules.quoted(text)) is not a header; trace=4711 is one.")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    static func time(_ text: String) throws -> WallTime {
        guard let time = WallTime(rfc3339: text) else {
            throw ValidationError(
                "\(NameRules.quoted(text)) is not a time with its zone; 2026-12-24T18:00:00Z and 2026-12-24T18:00:00+01:00 are."
            )
        }
        return time
    }

    /// So many a second: `50/s`, `50`, `0.5/s`, `30/m`.
    static func rate(_ text: String) throws -> Double {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let seconds: Double? =
            switch parts.count == 2 ? parts[1] : "s" {
            case "s": 1
            case "m": 60
            case "h": 3_600
            default: nil
            }
        guard let seconds, let number = parts.first.flatMap({ Double($0) }), number > 0, number.isFinite else {
            throw ValidationError("\(NameRules.quoted(text)) is not a rate; 50/s, 0.5/s, and 30/m are.")
        }
        return number / seconds
    }

    /// A number of bytes: `1048576`, `64MiB`, `4GiB`.
    static func bytes(_ text: String) throws -> Int {
        let digits = text.prefix { $0.isNumber }
        let units = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
        guard let number = Int(digits), number > 0, let unit = units[String(text.dropFirst(digits.count))],
            case let (product, overflow) = number.multipliedReportingOverflow(by: unit), !overflow
        else {
            throw ValidationError("\(NameRules.quoted(text)) is not a size above zero; 1048576, 64MiB, and 4GiB are.")
        }
        return product
    }
}

/// Which dead letters are meant.
struct DeadLetterSelection: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The numbers of the messages.", valueName: "id"), transform: { try QueueArguments.id($0) })
    var ids: [MessageID] = []

    @Flag(help: "All of them.")
    var all = false

    mutating func validate() throws {
        if self.all != self.ids.isEmpty {
            throw ValidationError(
                self.all
                    ? "Numbers of messages and --all exclude each other."
                    : "Say which dead letters are meant: give their numbers, or --all.")
        }
    }
}
