/// Why the daemon could not start or go on.
public struct DaemonError: Error, Sendable, CustomStringConvertible {
    /// What happened, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, unsafeAddress, addressInUse, cannotListen, invalidCertificate, invalidStore
        }
        private let wrapped: Wrapped

        /// A key or a value of the configuration is wrong. Nothing was started; mend the configuration.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// The address is not loopback, and neither tokens nor an explicit `insecure` are configured. Nothing was
        /// started.
        public static let unsafeAddress = Self(wrapped: .unsafeAddress)
        /// Another process listens on the port, perhaps another daemon. Nothing was started.
        public static let addressInUse = Self(wrapped: .addressInUse)
        /// The address cannot be listened on for another reason. Nothing was started.
        public static let cannotListen = Self(wrapped: .cannotListen)
        /// The certificate or its key cannot be used. Nothing was started.
        public static let invalidCertificate = Self(wrapped: .invalidCertificate)
        /// The store's URL names an engine that the daemon cannot serve. Nothing was started.
        public static let invalidStore = Self(wrapped: .invalidStore)

        public var description: String { self.wrapped.rawValue }
    }

    /// What went wrong, for programs.
    public var code: Code
    /// A sentence for people, with the values that matter and without secrets.
    public var message: String
    /// The error of the library underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence with the values that matter and without secrets.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { self.message }
}
