import ColonyCore
import ColonyWorkloads
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf

/// A bare loop on gRPC: the two transactions of a pair of ColonyEtcd by the same library, on one connection, from as many tasks,
/// and nothing else: no time limits, no records of what is held, no leases that are looked after.
///
/// The types of the messages are ColonyEtcd's own, and so is what answers the server's pings, without which the library gives
/// the connection up under this load; their files are linked into this folder.
enum EtcdBareLoop {
    private static let transaction = MethodDescriptor(
        fullyQualifiedService: "etcdserverpb.KV", method: "Txn", type: .unary)
    private static let leaseGrant = MethodDescriptor(
        fullyQualifiedService: "etcdserverpb.Lease", method: "LeaseGrant", type: .unary)

    typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

    /// - Returns: Pairs a second.
    static func rate(port: Int, tasks: Int, for span: Duration, clock: any MonotonicClock) async throws -> Double {
        let transport = try HTTP2ClientTransport.Posix(
            target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext,
            config: .defaults { config in
                config.channelDebuggingCallbacks.onCreateTCPConnection = { PingAnswering.install(on: $0) }
            })
        return try await withGRPCClient(transport: transport) { client in
            var request = WireLeaseGrantRequest()
            request.ttl = 60
            let lease: WireLeaseGrantResponse = try await client.unary(
                request: ClientRequest(message: request), descriptor: Self.leaseGrant,
                serializer: ProtobufSerializer(), deserializer: ProtobufDeserializer(), options: .defaults
            ) { try $0.message }
            let start = clock.now
            let end = start.advanced(by: span)
            let count = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<tasks {
                    group.addTask {
                        var count = 0
                        while clock.now < end {
                            try await Self.pair(client, "bare/\(task)", lease: lease.id)
                            count += 1
                        }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            return Double(count) / start.duration(to: clock.now).inSeconds
        }
    }

    private static func pair(_ client: Client, _ name: String, lease: Int64) async throws {
        let folder = Data("\(name)/".utf8)
        var end = folder
        end[end.count - 1] += 1
        let owner = OwnerID.unique().rawValue
        let key = folder + Data(owner.utf8)

        var isEmpty = WireCompare()
        isEmpty.key = folder
        isEmpty.rangeEnd = end
        isEmpty.target = .create
        isEmpty.result = .equal
        isEmpty.createRevision = 0
        var put = WireRequestOp()
        put.requestPut.key = key
        // As long as what the engine writes.
        put.requestPut.value = Data(
            ("colony1 held 30000000000 1764273600000 25000000000000 1764273630000 25030000000000 0 \(owner) \(owner) "
                + owner).utf8)
        put.requestPut.lease = lease
        var first = WireRequestOp()
        first.requestRange.key = folder
        first.requestRange.rangeEnd = end
        first.requestRange.limit = 1
        first.requestRange.sortOrder = .ascend
        first.requestRange.sortTarget = .create
        var grant = WireTxnRequest()
        grant.compare = [isEmpty]
        grant.success = [put]
        grant.failure = [first]
        let granted = try await Self.call(client, grant)

        var isMine = WireCompare()
        isMine.key = key
        isMine.target = .create
        isMine.result = .equal
        isMine.createRevision = granted.header.revision
        var delete = WireRequestOp()
        delete.requestDeleteRange.key = key
        delete.requestDeleteRange.prevKv = true
        var release = WireTxnRequest()
        release.compare = [isMine]
        release.success = [delete]
        let released = try await Self.call(client, release)
        guard granted.succeeded, released.succeeded else { throw WorkloadError("the lock \(name) is held by another") }
    }

    private static func call(_ client: Client, _ request: WireTxnRequest) async throws -> WireTxnResponse {
        try await client.unary(
            request: ClientRequest(message: request), descriptor: Self.transaction,
            serializer: ProtobufSerializer<WireTxnRequest>(), deserializer: ProtobufDeserializer<WireTxnResponse>(),
            options: .defaults
        ) { try $0.message }
    }
}
