//! Trees for `kustomize`: a base and an overlay in the manner of podinfo.

use crate::support::renderers::Files;

/// A base with a generated `ConfigMap`, and an overlay with prefix, patches, images, a component and generators.
pub fn podinfo() -> Files {
    Files::of(&[
        ("base/kustomization.yaml", BASE),
        ("base/deployment.yaml", DEPLOYMENT),
        ("base/service.yaml", SERVICE),
        ("base/app.properties", "colour=blue\n"),
        ("overlays/prod/kustomization.yaml", OVERLAY),
        ("overlays/prod/replicas.yaml", REPLICAS),
        ("components/tls/kustomization.yaml", COMPONENT),
        ("components/tls/certificate.pem", "not a real one\n"),
    ])
}

const BASE: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- deployment.yaml
- service.yaml
configMapGenerator:
- name: podinfo-extra
  literals: [a=b]
- name: podinfo
  files: [app.properties]
";

const DEPLOYMENT: &str = "\
# The one workload.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
spec:
  replicas: 1
  selector:
    matchLabels: {app: podinfo}
  template:
    metadata:
      labels: {app: podinfo}
    spec:
      containers:
      - name: podinfo
        image: ghcr.io/stefanprodan/podinfo:6.0.0
        envFrom:
        - configMapRef: {name: podinfo}
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: podinfo
spec:
  selector: {app: podinfo}
  ports: [{port: 80, targetPort: 9898}]
---
apiVersion: v1
kind: Service
metadata:
  name: podinfo-canary
spec:
  selector: {app: podinfo}
  ports: [{port: 80, targetPort: 9898}]
";

const OVERLAY: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: prod-
resources:
- ../../base
components:
- ../../components/tls
patches:
- path: replicas.yaml
- target: {kind: Service, name: podinfo}
  patch: |
    - op: add
      path: /metadata/annotations
      value: {note: patched}
images:
- name: ghcr.io/stefanprodan/podinfo
  newTag: 6.7.0
buildMetadata: [managedByLabel]
";

const REPLICAS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
spec:
  replicas: 3
";

const COMPONENT: &str = "\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
secretGenerator:
- name: tls
  files: [certificate.pem]
";
