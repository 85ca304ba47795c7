{{- define "lernbatch.name" -}}
{{- printf "%s-lernbatch" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "lernbatch.labels" -}}
app.kubernetes.io/name: lernbatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lernbatch.claim" -}}
{{- .Values.persistence.existingClaim | default (include "lernbatch.name" .) -}}
{{- end -}}

{{- define "lernbatch.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: data
    persistentVolumeClaim: {claimName: {{ include "lernbatch.claim" . }}}
  - name: tmp
    emptyDir: {}
  - name: secrets
    secret:
      secretName: {{ required "secret.name must name a secret with database_url" .Values.secret.name }}
      defaultMode: 0440
  {{- with .Values.publicKeys.configMap }}
  - name: public-keys
    configMap: {name: {{ . }}}
  {{- end }}
{{- end -}}

{{- define "lernbatch.container" -}}
{{- if not (or .Values.publicKeys.configMap (get .Values.settings "LERNBATCH_SANDBOX")) }}
{{- fail "publicKeys.configMap must name the identity provider's keys, or settings.LERNBATCH_SANDBOX be true for trying out" }}
{{- end }}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: LERNBATCH_HOME, value: /data}
  - {name: LERNBATCH_HOST, value: "0.0.0.0"}
  - {name: LERNBATCH_OPERATORS_PORT, value: "9100"}
  {{- range .Values.secret.keys }}
  - {name: LERNBATCH_{{ upper . }}_FILE, value: /run/secrets/lernbatch/{{ . }}}
  {{- end }}
  {{- if .Values.publicKeys.configMap }}
  - {name: LERNBATCH_PUBLIC_KEY_FOLDER, value: /etc/lernbatch/public-keys}
  {{- end }}
  {{- range $name, $value := .Values.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/lernbatch, readOnly: true}
  {{- if .Values.publicKeys.configMap }}
  - {name: public-keys, mountPath: /etc/lernbatch/public-keys, readOnly: true}
  {{- end }}
{{- end -}}
