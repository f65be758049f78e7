import Foundation

/// What a figure was measured on.
public struct Machine: Sendable, Codable, Hashable, CustomStringConvertible {
    /// The processor's own name for itself, or `unknown`.
    public var processor: String
    /// How many logical processors the program may use.
    public var cores: Int
    /// The main memory, in MiB.
    public var memoryMebibytes: Int
    /// The operating system and its version.
    public var system: String

    /// Looks at the machine that the program runs on.
    public static func current() -> Machine {
        let information = ProcessInfo.processInfo
        return Machine(
            processor: Self.processorName() ?? "unknown",
            cores: information.activeProcessorCount,
            memoryMebibytes: Int(information.physicalMemory / 1_048_576),
            system: information.operatingSystemVersionString
        )
    }

    /// How many tasks wanted a processor at once, over the last minute; `nil` where the system does not say.
    public static var loadAverage: Double? {
        #if os(Linux)
        let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)
        return text?.split(separator: " ").first.flatMap { Double($0) }
        #else
        return nil
        #endif
    }

    /// One line: processor, cores, memory, system.
    public var description: String {
        "\(self.processor), \(self.cores) cores, \(self.memoryMebibytes) MiB, \(self.system)"
    }

    private static func processorName() -> String? {
        #if os(Linux)
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
        #else
        return nil
        #endif
    }
}
