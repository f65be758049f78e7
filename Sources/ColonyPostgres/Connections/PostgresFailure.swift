#if Postgres
import ColonyCore

/// Why a call to the server gave no answer.
struct PostgresFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Hashable, Sendable {
        /// Nothing is known of the call, or it never left.
        case unreachable
        /// The server refused it, with the five characters of its SQLSTATE.
        case refused(sqlState: String)
        case cancelled
        case closed
    }

    let kind: Kind
    let message: String

    var description: String { self.message }

    /// The five characters with which the server classified the error.
    var sqlState: String? {
        if case .refused(let state) = self.kind { state } else { nil }
    }

    /// What libpq wrote about a failed attempt to connect, with the SQLSTATE if it was the server that said no.
    ///
    /// libpq gives no code for these, but writes it into the text if it is asked to be verbose:
    /// `FATAL:  28P01: password authentication failed for user "x"`, followed by a line about the server's source.
    static func connecting(_ text: String) -> PostgresFailure {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        var message = lines.joined(separator: "; ")
        if let match = text.firstMatch(of: #/:\ \ ([0-9A-Z]{5}):\ /#) {
            let state = String(match.output.1)
            message = message.replacing(":  \(state): ", with: ": ")
            return PostgresFailure(kind: .refused(sqlState: state), message: message)
        }
        return PostgresFailure(kind: .unreachable, message: message)
    }
}

/// The code with which PostgreSQL classified an error, behind a `LeaseError`.
///
/// - SeeAlso: *PostgreSQL Error Codes*, https://www.postgresql.org/docs/current/errcodes-appendix.html.
public struct SQLState: RawRepresentable, Error, Hashable, Sendable, CustomStringConvertible {
    /// Five characters, of which the first two are the class.
    public let rawValue: String

    /// Takes the five characters.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public var description: String { "SQLSTATE \(self.rawValue)" }
}

extension LeaseError {
    /// What a failure means to one who asked for a lease.
    ///
    /// - Parameter place: The URL of the server without its password.
    init(_ failure: PostgresFailure, at place: String) {
        switch failure.kind {
        case .unreachable:
            self.init(.unavailable, "\(place): \(failure.message)")
        case .cancelled:
            self.init(.cancelled, "\(place): \(failure.message)")
        case .closed:
            self.init(.closed, "the engine on \(place) was closed")
        case .refused(let state):
            let (code, advice) = Self.meaning(ofSQLState: state)
            let text = advice.isEmpty ? failure.message : "\(failure.message) – \(advice)"
            self.init(code, "\(place): \(text)", cause: SQLState(rawValue: state))
        }
    }

    private static func meaning(ofSQLState state: String) -> (Code, advice: String) {
        switch state {
        case "25006":
            (.storageFailed, "the server takes no writes: it is a standby, or default_transaction_read_only is on")
        case "42501":
            (
                .storageFailed,
                "grant the user CREATE on the database, or let its owner open the schema once and grant its use"
            )
        case "3D000", "57P04":
            (.storageFailed, "create the database, or correct the URL")
        case "42P01", "42883", "42703", "3F000":
            (.storageFailed, "the schema was changed or dropped; an engine that is made anew creates what is missing")
        case "53300":
            (.unavailable, "raise max_connections, or lower the connections of each engine")
        case "57014":
            (.unavailable, "the statement took longer than the call may take")
        case "57P01", "57P02", "57P03", "57P05", "55P03", "40001", "40P01":
            (.unavailable, "")
        case "22P05", "22021":
            (.invalidRequest, "the database has an encoding other than UTF8")
        case "53100":
            (.storageFailed, "make room on the server's disk")
        case _ where state.hasPrefix("08"):
            (.unavailable, "")
        case _ where state.hasPrefix("28"):
            (.storageFailed, "check user and password, and pg_hba.conf on the server")
        default:
            (.storageFailed, "")
        }
    }
}
#endif
