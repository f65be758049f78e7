import ColonyCore
import ColonyRESP
import NIOSSL
import Synchronization

/// What all connections of a port have in common.
struct RedisLinkSettings: Sendable {
    let options: RedisOptions
    /// What is put before the keys of commands that do not carry a prefix of their own.
    let prefix: [UInt8]
    /// Who is told what servers say without being asked.
    let listener: (any RedisListener)?
    let tls: RedisTLSContext?

    init(_ options: RedisOptions, prefix: String, listener: (any RedisListener)?, tls: RedisTLSContext? = nil) {
        self.options = options
        self.prefix = Array(prefix.utf8)
        self.listener = listener
        self.tls = tls ?? options.tls.map(RedisTLSContext.init)
    }
}

/// What connections that listen ask their server for, and who is told.
///
/// All members are called on the event loop of a connection, and return at once.
protocol RedisListener: Sendable {
    /// Whether connections that are made anew shall listen.
    var isWanted: Bool { get }
    /// Whether every connection to a server listens, and not just the first.
    var isForEveryConnection: Bool { get }
    /// Writes commands to begin with, to which there is one answer; one that is no error means that it has begun.
    func writeBeginning(to bytes: inout [UInt8])
    /// A connection listens. What happened before was not heard.
    func began()
    /// Something that the server said without having been asked.
    func heard(_ values: [RESPValue])
    /// A connection that was to listen is gone, or could not be made.
    func lost()
}

/// The TLS settings of a port in the form of the library, made when they are first needed, because that reads files.
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
