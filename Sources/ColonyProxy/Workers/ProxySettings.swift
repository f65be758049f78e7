import ColonyCore
import NIOSSL

/// The options as the workers need them: durations in nanoseconds, names as bytes.
struct ProxySettings: Sendable {
    let options: ProxyOptions
    let requestHead: Int64
    let clientIdle: Int64
    let keepAlive: Int64
    let answer: Int64
    let endpointIdle: Int64
    let relayIdle: Int64
    let poolIdle: Int64
    let poolWait: Int64
    let headLimits: HeadLimits
    /// What clients are shown in their handshakes; `nil` without TLS.
    let tls: NIOSSLContext?
    /// `Via` of messages, with its line end; empty if there is none.
    let via: [UInt8]
    /// What is left out of requests from somebody who is not trusted, and of those who are.
    let droppedFromOthers: FieldSet
    let droppedFromTrusted: FieldSet

    init(_ options: ProxyOptions) {
        self.options = options
        self.requestHead = options.timeouts.requestHead.clampedNanoseconds
        self.clientIdle = options.timeouts.clientIdle.clampedNanoseconds
        self.keepAlive = options.timeouts.keepAlive.clampedNanoseconds
        self.answer = options.timeouts.answer.clampedNanoseconds
        self.endpointIdle = options.timeouts.endpointIdle.clampedNanoseconds
        self.relayIdle = options.timeouts.relayIdle.clampedNanoseconds
        self.poolIdle = options.pool.idleTimeout.clampedNanoseconds
        self.poolWait = options.pool.waitingTimeout.clampedNanoseconds
        self.headLimits = HeadLimits(
            maximumHeadBytes: options.limits.headBytes, maximumFields: options.limits.headFields,
            maximumTargetBytes: options.limits.requestLineBytes)
        self.tls = options.mode == .http ? options.tls?.served.http : options.tls?.served.tcp
        self.via = options.forwarding.via.map { Array("1.1 \($0)\r\n".utf8) } ?? []
        var others = FieldSet(
            .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xRealIP)
        var trusted = FieldSet()
        if options.forwarding.sendsXForwarded { trusted.insert(.xForwardedFor) }
        if options.forwarding.sendsForwarded { trusted.insert(.forwarded) }
        if options.forwarding.via != nil {
            others.insert(.via)
            trusted.insert(.via)
        }
        self.droppedFromOthers = others
        self.droppedFromTrusted = trusted
    }

    /// A channel takes so much before it says that it is full, and says that it is not when it is down to the lower mark: the bound of
    /// what one direction of a connection keeps in memory, besides one round of reads.
    static let highWaterMark = 128 * 1_024
    static let lowWaterMark = 64 * 1_024
    /// The sizes of one read: small for connections that say little, up to what a large body is moved in.
    static let smallestRead = 1_024
    static let firstRead = 2_048
    static let largestRead = 64 * 1_024
}
