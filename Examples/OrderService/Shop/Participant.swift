import AsyncHTTPClient
import ColonyTransactions
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A service that takes part in the saga, as the shop sees it.
struct Participant: Sendable {
    /// Those of its processes.
    let addresses: [String]
    let client: HTTPClient
    /// Has each attempt look like another call, so that the service does again what it may have done: a mistake that the audit must find.
    var forgetsKeys = false

    /// Asks the service to do its part for an order.
    ///
    /// - Parameter attempt: Each goes to another process. What became of the attempt before is not known, and need not be.
    /// - Throws: `Refusal` if the service says no. Every other error leaves open whether it was done, so the saga asks again.
    func ask<Answer: Decodable>(
        _ request: String, for order: Order, as call: BarrierCall, attempt: Int, giving type: Answer.Type
    ) async throws -> Answer {
        try JSONDecoder().decode(type, from: try await self.send(request, order, call, attempt))
    }

    /// Asks for something that gives nothing.
    func ask(_ request: String, for order: Order, as call: BarrierCall, attempt: Int) async throws {
        _ = try await self.send(request, order, call, attempt)
    }

    private func send(_ path: String, _ order: Order, _ call: BarrierCall, _ attempt: Int) async throws -> ByteBuffer {
        var call = call
        if self.forgetsKeys { call.transaction = .unique() }
        var request = HTTPClientRequest(url: "\(self.addresses[attempt % self.addresses.count])/\(path)")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(ParticipantCall(order: order, call: call))))
        let response = try await self.client.execute(request, timeout: .seconds(1))
        let body = try await response.body.collect(upTo: 64 << 10)
        switch response.status {
        case .ok: return body
        case .conflict: throw Refusal(String(buffer: body))
        default: throw NoAnswer(description: "\(request.url) answered \(response.status.code)")
        }
    }

    /// An answer that says neither that it was done nor that it was not.
    private struct NoAnswer: Error, CustomStringConvertible {
        let description: String
    }
}
