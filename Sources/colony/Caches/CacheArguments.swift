import ArgumentParser
import ColonyCaches
import ColonyCore

/// The key of an entry on the command line.
struct CacheKeyArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The key: 1 to 250 bytes of UTF-8 without control characters.", valueName: "key"),
        transform: { try CacheKey($0) })
    var key: CacheKey
}

extension DurationArgument {
    /// How long an entry stays.
    static func timeToLive(_ text: String) throws -> DurationArgument {
        let argument = try DurationArgument(text)
        guard argument.value > .zero else {
            throw ValidationError("a time to live of \(text) is not possible: it is above zero.")
        }
        return argument
    }
}
