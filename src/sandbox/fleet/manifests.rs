//! The manifests of the fleet, written as a careful team would write them.

/// One service of the fleet.
#[derive(Debug, Clone, Copy)]
pub(super) struct App {
    pub name: &'static str,
    pub namespace: &'static str,
    pub image: &'static str,
    pub replicas: u32,
    pub memory: &'static str,
    pub log_level: &'static str,
    /// Seconds after which a rollout that does not come up counts as failed.
    pub deadline: u32,
}

impl App {
    /// Deployment with its Service in two files.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        vec![("deployment.yaml", self.deployment()), ("service.yaml", service(self.name))]
    }

    fn deployment(&self) -> String {
        let Self { name, image, replicas, memory, log_level, namespace, deadline } = self;
        format!(
            "# {name}: owned by team {namespace}, pager rota in the runbook\n\
             apiVersion: apps/v1\n\
             kind: Deployment\n\
             metadata:\n  name: {name}\n  labels:\n    app.kubernetes.io/name: {name}\n\
             spec:\n  replicas: {replicas}\n  progressDeadlineSeconds: {deadline}\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: {name}\n\
             \x20 template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: {name}\n\
             \x20   spec:\n      containers:\n        - name: app\n          image: {image}\n\
             \x20         ports:\n            - name: http\n              containerPort: 8080\n\
             \x20         env:\n            - name: LOG_LEVEL\n              value: {log_level}\n\
             \x20         resources:\n            requests:\n              cpu: 100m\n              memory: {memory}\n\
             \x20           limits:\n              memory: {memory}\n\
             \x20         readinessProbe:\n            httpGet:\n              path: /healthz\n              port: http\n"
        )
    }
}

fn service(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  selector:\n    \
         app.kubernetes.io/name: {name}\n  ports:\n    - name: http\n      port: 80\n      targetPort: http\n"
    )
}

/// A namespace of the fleet.
pub(super) fn namespace(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    team: {name}\n"
    )
}

/// Settings of a service.
pub(super) fn config_map(name: &str, entries: &[(&str, &str)]) -> String {
    let lines: Vec<_> =
        entries.iter().map(|(key, value)| format!("  {key}: \"{value}\"\n")).collect();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{}", lines.concat())
}

/// A disruption budget.
pub(super) fn budget(name: &str, min_available: u32) -> String {
    format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: {name}\nspec:\n  \
         minAvailable: {min_available}\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: {name}\n"
    )
}

/// A nightly job.
pub(super) fn cron_job(name: &str, image: &str, schedule: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: {name}\nspec:\n  schedule: \"{schedule}\"\n  \
         concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          \
         restartPolicy: OnFailure\n          containers:\n            - name: job\n              image: {image}\n"
    )
}

/// A Secret with a made-up value.
pub(super) fn secret(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: Opaque\nstringData:\n  \
         signing-key: demo-only-not-a-real-key\n"
    )
}

/// Redis with its storage.
pub(super) const REDIS: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: redis
spec:
  serviceName: redis
  replicas: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: redis
  template:
    metadata:
      labels:
        app.kubernetes.io/name: redis
    spec:
      containers:
        - name: redis
          image: registry.example.com/library/redis:7.4.2
          args: [\"--appendonly\", \"yes\"]
          ports:
            - name: redis
              containerPort: 6379
          volumeMounts:
            - name: data
              mountPath: /data
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        resources:
          requests:
            storage: 2Gi
---
apiVersion: v1
kind: Service
metadata:
  name: redis
spec:
  clusterIP: None
  selector:
    app.kubernetes.io/name: redis
  ports:
    - name: redis
      port: 6379
";

/// The ingress controller on every node.
pub(super) const INGRESS: &str = "\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: ingress
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: ingress
  template:
    metadata:
      labels:
        app.kubernetes.io/name: ingress
    spec:
      serviceAccountName: ingress
      containers:
        - name: proxy
          image: registry.example.com/platform/proxy:3.1.0
          ports:
            - name: https
              containerPort: 8443
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ingress
---
apiVersion: v1
kind: Service
metadata:
  name: ingress
spec:
  type: LoadBalancer
  selector:
    app.kubernetes.io/name: ingress
  ports:
    - name: https
      port: 443
      targetPort: https
";

/// Limits of the platform's namespace.
pub(super) const QUOTAS: &str = "\
apiVersion: v1
kind: ResourceQuota
metadata:
  name: platform
spec:
  hard:
    pods: \"50\"
    requests.storage: 100Gi
---
apiVersion: v1
kind: LimitRange
metadata:
  name: platform
spec:
  limits:
    - type: Container
      defaultRequest:
        cpu: 50m
        memory: 64Mi
";
