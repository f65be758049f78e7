import ColonyCaches
import ColonyCore

/// What a connection, or the server at its other end, did not do, in words that fit every port.
struct RedisFailure: Error, Sendable {
    /// What is known, as the errors of the ports tell it.
    enum Code: Sendable {
        case unavailable, cancelled, overloaded, closed, refused, invalidConfiguration, wrongType, valueTooLarge
    }

    var code: Code
    var message: String
    var cause: (any Error)?
    /// Whether the server may have seen the commands.
    var wasSent: Bool

    /// - Parameter wasSent: True for what the server itself said.
    init(_ code: Code, _ message: String, wasSent: Bool = true, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.wasSent = wasSent
    }

    /// Whoever closed the port knows what it was; so the text does not say.
    static let closed = RedisFailure(.closed, "the connections to Redis were closed", wasSent: false)

    static let cancelled = RedisFailure(.cancelled, "the calling task was cancelled")
}

extension CacheError {
    init(_ failure: RedisFailure) {
        let code: Code =
            switch failure.code {
            case .unavailable: .unavailable
            case .cancelled: .cancelled
            case .overloaded: .overloaded
            case .closed: .closed
            case .refused: .refused
            case .invalidConfiguration: .invalidConfiguration
            case .wrongType: .wrongType
            case .valueTooLarge: .valueTooLarge
            }
        self.init(code, failure.message, cause: failure.cause)
    }
}
