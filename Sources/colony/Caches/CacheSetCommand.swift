import ArgumentParser
import ColonyCaches
import ColonyCore

struct CacheSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Store an entry: a value from the command line, a file, or standard input.",
        discussion: """
            Example: colony cache set page/home --file home.html --ttl 10m

            The bytes are stored just as they are. Exits with 75 if the cache did not answer; then it is not known whether \
            the entry was stored.
            """
    )

    @OptionGroup var entry: CacheKeyArgument

    @Argument(
        help: ArgumentHelp("The value. Without it and without --file, standard input is read.", valueName: "value"))
    var value: String?

    @Option(help: ArgumentHelp("Read the value from a file.", valueName: "path"), completion: .file())
    var file: String?

    @Option(
        help: .duration("How long the entry stays. Without it, until the cache needs the room."),
        transform: { try DurationArgument.timeToLive($0) })
    var ttl: DurationArgument?

    @OptionGroup var stores: CacheStoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        var key: String
        var bytes: Int
        var ttl_ms: Int64?
    }

    mutating func validate() throws {
        if self.value != nil, self.file != nil {
            throw ValidationError("A value and --file exclude each other.")
        }
        if self.value == nil, self.file == nil, StandardInput.isTerminal {
            throw ValidationError("The value is missing: give it, or --file, or something on standard input.")
        }
    }

    mutating func run() async throws {
        let (key, value, file, ttl) = (self.entry.key, self.value, self.file, self.ttl?.value)
        let count = try await self.stores.withTier { tier in
            // One byte more than the cache takes is enough to know, however long the rest is.
            let most = tier.limits.valueBytes
            let bytes = try value.map { Array($0.utf8) } ?? ByteSource.bytes(of: file, atMost: most + 1)
            guard value != nil || bytes.count <= most else {
                throw CacheError(
                    .valueTooLarge,
                    "the value in \(file.map { NameRules.quoted($0) } ?? "standard input") has more than the \(most) bytes "
                        + "that this cache takes")
            }
            try await tier.set([CacheWrite(key, bytes, timeToLive: ttl)])
            return bytes.count
        }
        if self.output.json {
            StandardOutput.write(
                try JSONText.of(Document(key: key.rawValue, bytes: count, ttl_ms: ttl?.clampedMilliseconds)))
        }
    }
}
