#if Etcd
internal import GRPCCore
internal import SwiftProtobuf

/// A call that etcd answers, with the types of its question and its answer.
struct EtcdMethod<Request: Message, Answer: Message>: Sendable {
    let descriptor: MethodDescriptor

    /// - Parameter type: It must be said. For a call that is known to have one request, the library sends the request together with
    ///   the end of the requests. Otherwise the end comes later, the server that has answered by then resets the stream, and
    ///   after 200 resets in half a minute the library takes the server for an attacker and closes the connection.
    private init(_ service: String, _ method: String, _ type: MethodDescriptor.RPCType = .unary) {
        self.descriptor = MethodDescriptor(
            fullyQualifiedService: "etcdserverpb.\(service)", method: method, type: type)
    }
}

extension EtcdMethod where Request == WireRangeRequest, Answer == WireRangeResponse {
    static var range: Self { Self("KV", "Range") }
}

extension EtcdMethod where Request == WireTxnRequest, Answer == WireTxnResponse {
    static var txn: Self { Self("KV", "Txn") }
}

extension EtcdMethod where Request == WireLeaseGrantRequest, Answer == WireLeaseGrantResponse {
    static var leaseGrant: Self { Self("Lease", "LeaseGrant") }
}

extension EtcdMethod where Request == WireLeaseRevokeRequest, Answer == WireLeaseRevokeResponse {
    static var leaseRevoke: Self { Self("Lease", "LeaseRevoke") }
}

extension EtcdMethod where Request == WireLeaseTimeToLiveRequest, Answer == WireLeaseTimeToLiveResponse {
    static var leaseTimeToLive: Self { Self("Lease", "LeaseTimeToLive") }
}

extension EtcdMethod where Request == WireLeaseKeepAliveRequest, Answer == WireLeaseKeepAliveResponse {
    static var leaseKeepAlive: Self { Self("Lease", "LeaseKeepAlive", .bidirectionalStreaming) }
}

extension EtcdMethod where Request == WireWatchRequest, Answer == WireWatchResponse {
    static var watch: Self { Self("Watch", "Watch", .bidirectionalStreaming) }
}

extension EtcdMethod where Request == WireAuthenticateRequest, Answer == WireAuthenticateResponse {
    static var authenticate: Self { Self("Auth", "Authenticate") }
}
#endif
