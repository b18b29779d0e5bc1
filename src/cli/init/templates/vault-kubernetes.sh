# {{product}} runs in the same cluster, by a service account that may review tokens (`system:auth-delegator`).
{{cli}} read auth/{{auth-mount}}/config >/dev/null 2>&1 ||
    {{cli}} write auth/{{auth-mount}}/config kubernetes_host=https://kubernetes.default.svc
