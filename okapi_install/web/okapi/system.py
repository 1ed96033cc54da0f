"""Version, health, and this server's part of Okapi's deployment: one node, no deployed modules."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install import __version__
from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.service.discovery import DiscoveryService, Node
from okapi_install.web.http import bodies
from okapi_install.web.http.requests import json_body
from okapi_install.web.http.responses import json_answer, text_answer


def blueprint(discovery: DiscoveryService) -> Blueprint:
    """`/_/version`, `/_/proxy/health`, `/_/discovery/nodes`, `/_/deployment/modules`."""
    routes = Blueprint("system", __name__)
    routes.get("/_/version")(_version)
    routes.get("/_/proxy/health")(_health)
    routes.get("/_/deployment/modules")(_deployments)
    routes.post("/_/deployment/modules")(_deploy)
    routes.get("/_/deployment/modules/<ident>")(_deployment)
    routes.delete("/_/deployment/modules/<ident>", endpoint="undeploy")(_deployment)

    @routes.get("/_/discovery/nodes")
    def nodes() -> Response:
        return json_answer([_node_document(node) for node in discovery.nodes()])

    @routes.get("/_/discovery/nodes/<reference>")
    def node(reference: str) -> Response:
        return json_answer(_node_document(discovery.node(reference)))

    @routes.put("/_/discovery/nodes/<ident>")
    def put_node(ident: str) -> Response:
        sent = bodies.node(json_body())
        discovery.check_node_unchanged(ident, sent.get("nodeId"), sent.get("url"), sent.get("nodeName"))
        return json_answer(sent)

    return routes


def _version() -> Response:
    return text_answer(__version__)


def _health() -> Response:
    return json_answer([])


def _deployments() -> Response:
    return json_answer([])


def _deployment(ident: str) -> Response:
    raise NotFound(okapi_messages.no_deployment(ident))


def _deploy() -> Response:
    """Makes Okapi's checks of the body, and then refuses it, because this server starts no modules."""
    sent = bodies.deployment(json_body())
    if "srvcId" not in sent:
        raise UserError(okapi_messages.no_srvc_id())
    if "descriptor" not in sent:
        raise UserError(okapi_messages.no_descriptor_to_launch())
    raise UserError(messages.starts_no_modules(str(sent["srvcId"])))


def _node_document(node: Node) -> dict[str, object]:
    return {"nodeId": node.node_id, "url": node.url}
