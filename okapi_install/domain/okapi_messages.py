"""Okapi's messages, word for word: those that it numbers, and those that it writes within its code.

The numbers are those of Okapi 7.0.0 (`infra-messages/Messages_en.properties`). Programs match these words, so none of
them may change. Our own messages are in `messages`. Those about invalid descriptors are next to their checks.
"""

from __future__ import annotations


def no_such_path() -> str:
    """Okapi 10102."""
    return "No suitable module found for path and tenant"


def different_tokens() -> str:
    """Okapi 10104."""
    return "Different tokens in Authentication and X-Okapi-Token. Use only one of them"


def invalid_token(why: str) -> str:
    """Okapi 10105."""
    return f"Invalid Token: {why}"


def no_such_tenant(tenant: str) -> str:
    """Okapi 10106."""
    return f"No such Tenant {tenant}"


def missing_dependency(module: str, interface: str, version: str) -> str:
    """Okapi 10200."""
    return f"Missing dependency: {module} requires {interface}: {version}"


def incompatible_version(module: str, interface: str, needed: str, have: str) -> str:
    """Okapi 10201."""
    return f"Incompatible version for module {module} interface {interface}. Need {needed}. Have {have}"


def module_exists(module: str) -> str:
    """Okapi 10203."""
    return f"create: module {module} already exists"


def module_in_use(module: str, tenant: str) -> str:
    """Okapi 10206."""
    return f"delete: module {module} is used by tenant {tenant}"


def no_module_to_delete(module: str) -> str:
    """Okapi 10207."""
    return f"delete: module {module} does not exist"


def module_is_required(module: str, problems: str) -> str:
    """Okapi 10208."""
    return f"delete: module {module}: {problems}"


def module_is_sticky(module: str) -> str:
    """Okapi 10209."""
    return f"Cannot remove module {module} which is explicitly given"


def several_providers(interface: str, module: str, products: str) -> str:
    """Okapi 10210."""
    return f"interface {interface} required by module {module} is provided by multiple products: {products}"


def no_provider(interface: str, module: str) -> str:
    """Okapi 10211."""
    return f"interface {interface} required by module {module} not found"


def no_order(modules: str) -> str:
    """Okapi 10212."""
    return f"Some modules cannot be topological sorted: {modules}"


def provided_twice(modules: str, interface: str) -> str:
    """Okapi 10213."""
    return f"Multiple modules {modules} provide interface {interface}"


def module_already_enabled(module: str) -> str:
    """Okapi's words for an enable of what the tenant has."""
    return f"Module {module} already provided"


def tenant_exists(tenant: str) -> str:
    """Okapi 10400."""
    return f"Duplicate tenant id {tenant}"


def tenant_interface_unsupported(version: str) -> str:
    """Okapi 10401."""
    return f"Unsupported interface _tenant: {version}"


def job_not_complete(job: str) -> str:
    """Okapi 10406."""
    return f"Cannot delete non-completed job {job}"


def no_delete_method(module: str) -> str:
    """Okapi 10407."""
    return f"Missing DELETE method for tenant interface version 2 for module {module}"


def no_job_id(module: str, method: str, path: str) -> str:
    """Okapi 10408."""
    return f"Missing id property in JSON response for module {module}: {method} {path}"


def unexpected_location(module: str, method: str, path: str) -> str:
    """Okapi 10409."""
    return f"Unexpected Location header in response for module {module}: {method} {path}"


def tenant_operation_failed(module: str, why: str) -> str:
    """Okapi 10410."""
    return f"Tenant operation failed for module {module}: {why}"


def no_permissions_path(module: str) -> str:
    """Okapi's words for a `_tenantPermissions` interface that takes no POST."""
    return f"Bad _tenantPermissions interface in module {module}. No path to POST to"


def parallel_without_checks() -> str:
    """Okapi 10411."""
    return "Install Option parallel can not be greater than 1 when Install Option depCheck is false"


def no_srvc_id() -> str:
    """Okapi 10701 and 10800."""
    return "Needs srvcId"


def no_descriptor_to_launch() -> str:
    """Okapi 10703."""
    return "No LaunchDescriptor"


def no_deployment(instance: str) -> str:
    """Okapi 10705."""
    return f"not found: {instance}"


def unknown_module(module: str) -> str:
    """Okapi 10801."""
    return f"Module {module} not found"


def no_inst_id() -> str:
    """Okapi 10802."""
    return "Needs instId"


def no_node_id() -> str:
    """Okapi 10803."""
    return "missing nodeId"


def no_launch_descriptor(module: str) -> str:
    """Okapi 10804."""
    return f"Module {module} has no launchDescriptor"


def no_such_node(node: str) -> str:
    """Okapi 10806."""
    return f"Node {node} not found"


def node_id_is_fixed(node: str) -> str:
    """Okapi 10807."""
    return f"Can not change nodeId for node {node}"


def node_url_is_fixed(node: str) -> str:
    """Okapi 10808."""
    return f"Can not change the URL for node {node}"


def instance_exists(instance: str) -> str:
    """Okapi 10809."""
    return f"Duplicate instId {instance}"


def no_variable_name() -> str:
    """Okapi 10900."""
    return "missing name"


def no_variable_value() -> str:
    """Okapi 10901."""
    return "missing value"


def nothing_to_pull_from() -> str:
    """Okapi 11000."""
    return "pull: none of remote URLs work"


def no_instance(module: str, path: str) -> str:
    """Okapi 11100."""
    return f"No running instances for module {module}. Can not invoke {path}"


def call_failed(method: str, module: str, path: str, why: str) -> str:
    """Okapi 11101."""
    return f"{method} request for {module} {path} failed with {why}"


def tenant_id_invalid(tenant: str) -> str:
    """Okapi 11601."""
    pattern = "[a-z][a-z0-9]{0,30}"
    return f"Invalid tenant id, may only contain a-z and 0-9 and must match {pattern} but it is {tenant}"


def tenant_id_is_fixed(new: str, old: str) -> str:
    """Okapi 11602."""
    return f"The tenant id must not be changed, old='{old}', new='{new}'"


def super_tenant_stays(tenant: str) -> str:
    """Okapi 11603."""
    return f"Can not delete the superTenant {tenant}"


def unknown_order_field(field: str) -> str:
    """Okapi 11604."""
    return f"unknown orderBy field: {field}"


def unknown_order(order: str) -> str:
    """Okapi 11605."""
    return f"invalid order value: {order}"


def bad_parameter(name: str, why: str) -> str:
    """Okapi 11608."""
    return f"Bad format for parameter {name}. {why}"


def tenant_id_has_underscore(tenant: str) -> str:
    """Okapi 11609."""
    return f"Tenant id must not contain underscore: {tenant}"


def tenant_id_has_minus(tenant: str) -> str:
    """Okapi 11610."""
    return f"Tenant id must not contain minus: {tenant}"


def tenant_id_too_long(tenant: str) -> str:
    """Okapi 11611."""
    return f"Tenant id must not exceed 31 characters: {tenant}"


def tenant_id_starts_with_digit(tenant: str) -> str:
    """Okapi 11612."""
    return f"Tenant id must not start with a digit: {tenant}"
