import ArgumentParser
import ColonyCaches
import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct CacheGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Write the bytes of an entry to standard output, just as they are.",
        discussion: """
            Example: colony cache get greeting

            Nothing is added, not even a line feed. Exits with 1 if nothing is cached under the key, and with 75 if the \
            cache did not answer.
            """
    )

    @OptionGroup var entry: CacheKeyArgument
    @OptionGroup var stores: CacheStoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        var key: String
        var value: String?
        var value_base64: Data?
        var bytes: Int
        var ttl_ms: Int64?

        init(_ key: CacheKey, _ entry: CachedBytes) {
            self.key = key.rawValue
            self.value = String(validating: entry.value, as: UTF8.self)
            if self.value == nil { self.value_base64 = Data(entry.value) }
            self.bytes = entry.value.count
            self.ttl_ms = entry.timeToLive?.clampedMilliseconds
        }
    }

    mutating func run() async throws {
        let key = self.entry.key
        guard let found = try await self.stores.withTier({ try await $0.get([key])[0] }) else {
            throw Failure("not_found", "nothing is cached under \(NameRules.quoted(key.rawValue)).")
        }
        if self.output.json {
            StandardOutput.write(try JSONText.of(Document(key, found)))
        } else {
            StandardOutput.write(bytes: found.value)
        }
    }
}
