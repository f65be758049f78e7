import ColonyCore
import NIOSSL
import Synchronization

/// What all connections of a tier have in common.
struct RedisLinkSettings: Sendable {
    let options: RedisCacheTierOptions
    let prefix: [UInt8]
    let invalidations: InvalidationHub
    let tls: RedisTLSContext?

    init(_ options: RedisCacheTierOptions, _ invalidations: InvalidationHub) {
        self.options = options
        self.prefix = Array(options.keyPrefix.utf8)
        self.invalidations = invalidations
        self.tls = options.tls.map(RedisTLSContext.init)
    }
}

/// The TLS settings of a tier in the form of the library, made when they are first needed, because that reads files.
final class RedisTLSContext: Sendable {
    private let tls: RedisTLS
    private let made = Mutex<NIOSSLContext?>(nil)

    init(_ tls: RedisTLS) { self.tls = tls }

    /// The context; may read files, so it is not for event loops.
    func context() throws -> NIOSSLContext {
        try self.made.withLock { made in
            if let made { return made }
            var configuration = TLSConfiguration.makeClientConfiguration()
            switch self.tls.verification {
            case .full: configuration.certificateVerification = .fullVerification
            case .chain: configuration.certificateVerification = .noHostnameVerification
            case .none: configuration.certificateVerification = .none
            }
            if let file = self.tls.certificateFile { configuration.trustRoots = .file(file) }
            let context = try NIOSSLContext(configuration: configuration)
            made = context
            return context
        }
    }
}
