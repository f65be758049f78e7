import ColonyServer
import Logging

/// Where the daemon's log goes: standard error, because standard output says where it is.
enum ServeLog {
    static func makeLogger(_ settings: DaemonConfiguration.Log) -> Logger {
        var logger = Logger(label: "colony") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return logger
    }

    /// For libraries whose messages are said better elsewhere.
    static var silent: Logger { Logger(label: "colony") { _ in SwiftLogNoOpLogHandler() } }
}
