import ColonyCore

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
