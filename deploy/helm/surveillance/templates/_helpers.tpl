{{- define "surveillance.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "surveillance.selector" -}}
app.kubernetes.io/name: surveillance
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "surveillance.labels" -}}
{{ include "surveillance.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "surveillance.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "surveillance.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "surveillance.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities: {drop: [ALL]}
{{- end }}

{{/* ConfigMaps have no folders, and their keys no @: each file has a key of its own, and a path where it is mounted. */}}
{{- define "surveillance.configKey" -}}
{{- sha256sum . | trunc 32 -}}
{{- end }}

{{- define "surveillance.configMap" -}}
{{- range $path, $text := .Values.config.files }}
{{ include "surveillance.configKey" $path }}: {{ $text | quote }}
{{- end }}
{{- end }}

{{/* `secrets`: the keys of the Secret as files; where none is named, Kubernetes would mount them all. A dict of: top,
     secrets (path -> key), config (name of a ConfigMap). */}}
{{- define "surveillance.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if .secrets }}
- name: secrets
  secret:
    secretName: {{ .top.Values.secrets.name }}
    defaultMode: 0440
    items:
      {{- range $path, $key := .secrets }}
      - {key: {{ $key }}, path: {{ $path }}}
      {{- end }}
{{- end }}
{{- if and .config .top.Values.config.files }}
- name: config
  configMap:
    name: {{ .config }}
    items:
      {{- range $path, $_ := .top.Values.config.files }}
      - {key: {{ include "surveillance.configKey" $path }}, path: {{ $path | quote }}}
      {{- end }}
{{- end }}
{{- with .top.Values.authorities.configMap }}
- name: authorities
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "surveillance.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .secrets }}
- {name: secrets, mountPath: /run/secrets/surveillance, readOnly: true}
{{- end }}
{{- if and .config .top.Values.config.files }}
- {name: config, mountPath: /app/config, readOnly: true}
{{- end }}
{{- if .top.Values.authorities.configMap }}
- {name: authorities, mountPath: /etc/surveillance/authorities, readOnly: true}
{{- end }}
{{- end }}

{{- define "surveillance.setting" -}}
- {name: SURVEILLANCE_{{ upper .name }}, value: {{ .value | toString | quote }}}
{{- end }}

{{/* A dict of: top, who (of database.users). */}}
{{- define "surveillance.database" -}}
{{- with .top.Values.database }}
{{- $user := get .users $.who }}
- name: SURVEILLANCE_DATABASE_URL
  value: {{ printf "postgresql+psycopg://%s@%s:%d/%s" $user.name .host (int .port) .name | quote }}
- {name: SURVEILLANCE_DATABASE_PASSWORD_FILE, value: /run/secrets/surveillance/database-password}
- {name: SURVEILLANCE_DATABASE_TLS, value: {{ .tls | quote }}}
{{- with .caFile }}
- {name: SURVEILLANCE_DATABASE_CA_FILE, value: /etc/surveillance/authorities/{{ . }}}
{{- end }}
{{- if $.top.Values.secrets.keys.restricted }}
- {name: SURVEILLANCE_RESTRICTED_KEYS_FILE, value: /run/secrets/surveillance/restricted-keys}
{{- end }}
{{- end }}
{{- end }}

{{/* A dict of: top, who (of kafka.users). */}}
{{- define "surveillance.kafka" -}}
{{- with .top.Values.kafka }}
- {name: SURVEILLANCE_BROKERS, value: {{ .brokers | quote }}}
- {name: SURVEILLANCE_KAFKA_SECURITY, value: {{ .security }}}
{{- if eq .security "sasl-tls" }}
- {name: SURVEILLANCE_KAFKA_USER, value: {{ (get .users $.who).name | quote }}}
- {name: SURVEILLANCE_KAFKA_PASSWORD_FILE, value: /run/secrets/surveillance/kafka-password}
{{- end }}
{{- with .caFile }}
- {name: SURVEILLANCE_KAFKA_CA_FILE, value: /etc/surveillance/authorities/{{ . }}}
{{- end }}
- {name: SURVEILLANCE_TOPIC_PREFIX, value: {{ .topicPrefix | quote }}}
- {name: SURVEILLANCE_CONSUMER_GROUP, value: {{ .consumerGroup | quote }}}
{{- end }}
{{- end }}

{{/* What every process is told. */}}
{{- define "surveillance.common" -}}
- {name: SURVEILLANCE_LOG_FORMAT, value: json}
{{- range $name, $value := .Values.settings }}
- {name: SURVEILLANCE_{{ upper $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* Of the pages: the name that they may be asked for by. */}}
{{- define "surveillance.host" -}}
{{- (urlParse .Values.web.url).hostname -}}
{{- end }}
