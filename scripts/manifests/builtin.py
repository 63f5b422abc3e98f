"""Leaves the objects that Kubernetes itself knows: builtin.py < rendered.yaml."""

import sys

import yaml

OPERATORS = ("postgresql.cnpg.io/", "rabbitmq.com/", "keda.sh/", "gateway.networking.k8s.io/")
objects = [object for object in yaml.safe_load_all(sys.stdin) if object and not object["apiVersion"].startswith(OPERATORS)]
yaml.safe_dump_all(objects, sys.stdout)
