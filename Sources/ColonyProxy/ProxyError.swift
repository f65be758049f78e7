/// Why a proxy cannot be made, started, or changed.
public struct ProxyError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, addressInUse, cannotListen, closed
        }
        private let wrapped: Wrapped

        /// Settings that cannot work. The message quotes the value. *Not done*: what ran before runs on.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// Another process listens at the address. Stop it, or choose another port.
        public static let addressInUse = Self(wrapped: .addressInUse)
        /// The address cannot be listened at, for example because it is none of this host. The cause has the system's reason.
        public static let cannotListen = Self(wrapped: .cannotListen)
        /// The proxy has been shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is wrong, and what to do next.
    public var code: Code
    /// A sentence for people that quotes the value.
    public var message: String
    /// The error underneath.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence that quotes the value.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}
