public import ColonyCore
public import Logging

extension DaemonConfiguration.Log {
    /// Makes a logger that writes to the standard error, in the form and from the level on that the configuration asks
    /// for.
    public func makeLogger(label: String, wallClock: any WallClock = SystemWallClock()) -> Logger {
        let format = self.format
        var logger = Logger(label: label) { label in
            LineLogHandler(label: label, format: format, clock: wallClock) { LogLine.write($0) }
        }
        logger.logLevel = Logger.Level(rawValue: self.level.rawValue) ?? .info
        return logger
    }
}

/// Writes each record as one line: for people, or as one JSON object.
struct LineLogHandler: LogHandler {
    let label: String
    let format: DaemonConfiguration.Log.Format
    let clock: any WallClock
    let output: @Sendable (String) -> Void
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    init(
        label: String, format: DaemonConfiguration.Log.Format, clock: any WallClock,
        output: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.clock = clock
        self.output = output
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = self.metadata.merging(event.metadata ?? [:]) { _, latest in latest }
            .map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        let time = self.clock.now.rfc3339
        switch self.format {
        case .text:
            let pairs = metadata.map { " \($0.0)=\(LogLine.quotedIfNeeded($0.1))" }.joined()
            let message = LogLine.singleLine("\(event.message)")
            self.output("\(time) \(event.level.rawValue) \(self.label): \(message)\(pairs)\n")
        case .json:
            var fields = [
                ("time", time), ("level", event.level.rawValue), ("logger", self.label),
                ("message", "\(event.message)"),
            ]
            let taken = Set(fields.map(\.0))
            // A key of the metadata must not shadow a field of the record.
            fields += metadata.map { (taken.contains($0.0) ? "metadata.\($0.0)" : $0.0, $0.1) }
            self.output(LogLine.json(fields))
        }
    }
}
