import ColonyCoordination
import ColonyCore
import ColonyResilience
import NIOCore

/// What the routes of switches do, apart from HTTP: bodies in, answers out. The processes obey by themselves.
final class SwitchService: Sendable {
    private let desk: SwitchOperator?
    private let metrics: LimitMetrics

    init(desk: SwitchOperator?, metrics: LimitMetrics) {
        self.desk = desk
        self.metrics = metrics
    }

    private func offered() throws(Problem) -> SwitchOperator {
        guard let desk else {
            throw Problem(.notOffered, "the store behind this server keeps no records, and so no switches")
        }
        return desk
    }

    // MARK: Looking

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let desk = try self.offered()
        let all: [SwitchOverview]
        do throws(CoordinationError) {
            all = try await desk.overview()
        } catch {
            throw Problem(error)
        }
        let visible = all.filter { token?.covers($0.id.name) ?? true }
        return Answer(capacity: visible.reduce(32) { $0 + 256 + $1.reports.count * 192 }) { body in
            body.writeJSON(#"{"switches":["#)
            for (index, overview) in visible.enumerated() {
                body.writeJSON(index == 0 ? "{" : ",{")
                Self.write(overview.id, overview.setting, to: &body)
                body.writeJSON(#","reports":["#)
                for (index, entry) in overview.reports.enumerated() {
                    if index > 0 { body.writeJSON(",") }
                    Self.write(entry.report, of: entry.node, to: &body)
                }
                body.writeJSON("]}")
            }
            body.writeJSON("]}")
        }
    }

    // MARK: Moving

    func set(_ id: SwitchID, body: ByteBuffer) async throws(Problem) -> Answer {
        let setting = try SetSwitchRequest(body).setting
        let desk = try self.offered()
        do throws(CoordinationError) {
            try await desk.set(id, to: setting.position, reason: setting.reason)
        } catch {
            throw Problem(error)
        }
        self.metrics.moved(to: setting.position)
        return Answer { body in
            body.writeJSON("{")
            Self.write(id, setting, to: &body)
            body.writeJSON("}")
        }
    }

    // MARK: JSON

    private static func write(_ id: SwitchID, _ setting: SwitchSetting, to body: inout ByteBuffer) {
        body.writeJSON(#""id":"#)
        body.writeJSON(string: id.description)
        body.writeJSON(#","kind":"#)
        body.writeJSON(string: id.kind.rawValue)
        body.writeJSON(#","name":"#)
        body.writeJSON(string: id.name)
        body.writeJSON(#","position":"#)
        body.writeJSON(string: setting.position.rawValue)
        if let reason = setting.reason {
            body.writeJSON(#","reason":"#)
            body.writeJSON(string: reason)
        }
    }

    private static func write(_ report: SwitchReport, of node: NodeID, to body: inout ByteBuffer) {
        body.writeJSON(#"{"node":"#)
        body.writeJSON(string: node.rawValue)
        body.writeJSON(#","state":"#)
        body.writeJSON(string: report.state)
        body.writeJSON(#","position":"#)
        body.writeJSON(string: report.position.rawValue)
        body.writeJSON(#","successes":"#)
        body.writeJSON(report.successes)
        body.writeJSON(#","failures":"#)
        body.writeJSON(report.failures)
        body.writeJSON(#","refusals":"#)
        body.writeJSON(report.refusals)
        body.writeJSON("}")
    }
}
