import ColonyCore
import ColonyRemote
import ColonySQLite

/// Makes the engine of a URL.
enum EngineUnderFaults {
    static func make(_ text: String) throws -> any LeaseEngine {
        let url = try EngineURL(text)
        switch url.scheme {
        case "sqlite": return SQLiteLeaseEngine(path: url.path)
        case "http", "https": return try RemoteLeaseEngine(url: url)
        case "flawed": return try FlawedEngine(url)
        default: throw BadArguments(description: "there is no engine for \(url)")
        }
    }
}
