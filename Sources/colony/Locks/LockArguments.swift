import ArgumentParser
import ColonyCore

/// The name of a lock on the command line.
struct LockNameArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The lock: 1 to 255 bytes of UTF-8 without control characters.", valueName: "name"),
        transform: { try LeaseName($0) })
    var name: LeaseName
}

extension ArgumentHelp {
    /// Help for a span of time, whose form people must know.
    static func duration(_ text: String) -> ArgumentHelp {
        ArgumentHelp("\(text)", valueName: "duration")
    }
}

/// A span of time on the command line: a number and ms, s, m, h, or d.
struct DurationArgument: Sendable {
    let value: Duration

    init(_ text: String) throws {
        self.value = try Duration(text: text)
    }

    init(_ value: Duration) {
        self.value = value
    }

    /// The term of a lease, within what engines take.
    static func lease(_ text: String) throws -> DurationArgument {
        let argument = try DurationArgument(text)
        do {
            try LeaseLimits.check(argument.value)
        } catch {
            throw ValidationError(error.message)
        }
        return argument
    }
}

extension DurationArgument: CustomStringConvertible {
    var description: String { self.value.text.filter { $0 != " " } }
}
