"""Credentials as providers make them, put together at run time: none is or ever was one."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Mapping

DIGITS, LOWER, UPPER = string.digits, string.ascii_lowercase, string.ascii_uppercase
HEX = DIGITS + "abcdef"
LETTERS = LOWER + UPPER
WORD = LETTERS + DIGITS
SAFE = WORD + "-_"
BASE64 = WORD + "+/"
SIGNS = WORD + "!@#$%^*_-"


class Maker:
    """Random text of a seed.

    A form says what to make: `ghp_{W36}` is a prefix and 36 letters and digits.
    """

    ALPHABETS: Mapping[str, str] = {
        "D": DIGITS, "L": LOWER, "U": UPPER, "H": HEX, "A": LETTERS, "W": WORD, "S": SAFE,
        "B": BASE64, "P": SIGNS, "X": UPPER + DIGITS, "N": LOWER + DIGITS,
    }  # fmt: skip

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, alphabet: str, count: int) -> str:
        return "".join(self.random.choices(alphabet, k=count))

    def __call__(self, form: str) -> str:
        made = []
        for part in form.replace("}", "{").split("{"):
            known = part[:1] in self.ALPHABETS and part[1:].isdigit() and len(part) > 1
            made.append(self.pick(self.ALPHABETS[part[0]], int(part[1:])) if known else part)
        return "".join(made)

    def uuid(self) -> str:
        return self("{H8}-{H4}-4{H3}-a{H3}-{H12}")


# Kind, and the form of a credential of that kind.
FORMATS: Mapping[str, str] = {
    "github-token": "ghp_{W36}",
    "github-token oauth": "gho_{W36}",
    "github-token user": "ghu_{W36}",
    "github-token server": "ghs_{W36}",
    "github-token refresh": "ghr_{W36}",
    "github-token fine": "github_pat_{W22}_{W59}",
    "gitlab-token": "glpat-{S20}",
    "gitlab-token routable": "glpat-{S27}.01.{N9}",
    "gitlab-token deploy": "gldt-{S20}",
    "gitlab-token runner": "glrt-{S20}",
    "gitlab-token feed": "glft-{S20}",
    "gitlab-token scim": "glsoat-{S20}",
    "gitlab-token mail": "glimt-{S25}",
    "gitlab-token agent": "glagent-{S50}",
    "gitlab-token flags": "glffct-{S20}",
    "gitlab-token application": "gloas-{H64}",
    "gitlab-token registration": "GR1348941{S20}",
    "atlassian-token": "ATATT3xFfGF0{S170}={H8}",
    "atlassian-token bitbucket": "ATBB{W32}",
    "atlassian-token data center": "BBDC-{W44}",
    "ci-token buildkite": "bkua_{H40}",
    "ci-token circleci": "CCIPAT_{W22}_{H40}",
    "ci-token sourcegraph": "sgp_{H16}_{H40}",
    "ci-token sonar": "squ_{H40}",
    "ci-token sonar project": "sqp_{H40}",
    "registry-token npm": "npm_{W36}",
    "registry-token pypi": "pypi-AgEIcHlwaS5vcmc{S130}",
    "registry-token gems": "rubygems_{H48}",
    "registry-token nuget": "oy2{N43}",
    "registry-token cargo": "cio{W32}",
    "registry-token docker": "dckr_pat_{S27}",
    "registry-token docker org": "dckr_oat_{S32}",
    "registry-token artifactory": "AKCp8{W68}",
    "registry-token clojars": "CLOJARS_{H60}",
    "aws-access-key": "AKIA{X16}",
    "aws-access-key session": "ASIA{X16}",
    "aws-access-key bedrock": "ABSKQmVkcm9ja0FQSUtleS{B110}",
    "azure-secret": "{S3}8Q~{S34}",
    "azure-secret storage": "{B76}+ASt{B6}==",
    "azure-secret devops": "{W76}AZDO{W4}",
    "google-key": "AIza{S35}",
    "google-key oauth": "GOCSPX-{S28}",
    "google-key access": "ya29.{S120}",
    "google-key refresh": "1//0{S60}",
    "cloud-token digitalocean": "dop_v1_{H64}",
    "cloud-token digitalocean oauth": "doo_v1_{H64}",
    "cloud-token scaleway": "SCW{X17}",
    "cloud-token alibaba": "LTAI5t{W18}",
    "cloud-token tencent": "AKID{W32}",
    "cloud-token yandex": "AQVN{S36}",
    "cloud-token yandex iam": "t1.{S60}.{S86}",
    "cloud-token heroku": "HRKU-AA{S58}",
    "cloud-token render": "rnd_{W28}",
    "cloud-token fly": "fm2_{B160}",
    "cloud-token fly old": "fo1_{S43}",
    "cloud-token netlify": "nfp_{W36}",
    "cloud-token vercel": "vcp_{W56}",
    "cloud-token cloudflare": "cfut_{W40}",
    "cloud-token cloudflare origin": "v1.0-{H24}-{H146}",
    "cloud-token neon": "napi_{N64}",
    "cloud-token planetscale": "pscale_pw_{S43}",
    "cloud-token supabase": "sbp_{H40}",
    "cloud-token supabase secret": "sb_secret_{S31}",
    "anthropic-key": "sk-ant-api03-{S93}AA",
    "openai-key": "sk-{W20}T3BlbkFJ{W20}",
    "openai-key project": "sk-proj-{S74}T3BlbkFJ{S74}",
    "openai-key service": "sk-svcacct-{S74}T3BlbkFJ{S74}",
    "openai-key admin": "sk-admin-{S58}T3BlbkFJ{S58}",
    "model-key openrouter": "sk-or-v1-{H64}",
    "model-key groq": "gsk_{W52}",
    "model-key xai": "xai-{W80}",
    "model-key perplexity": "pplx-{W48}",
    "model-key hugging face": "hf_{A34}",
    "model-key replicate": "r8_{W37}",
    "model-key fireworks": "fw_{W24}",
    "model-key cerebras": "csk-{N48}",
    "model-key nvidia": "nvapi-{S64}",
    "model-key together": "tgp_v1_{S43}",
    "model-key langsmith": "lsv2_pt_{H32}_{H10}",
    "model-key langfuse": "sk-lf-{H8}-{H4}-{H4}-{H4}-{H12}",
    "model-key pinecone": "pcsk_{W6}_{W63}",
    "model-key tavily": "tvly-dev-{W32}",
    "gateway-key": "sk-{S22}",
    "slack-token": "xoxb-{D12}-{D13}-{W24}",
    "slack-token user": "xoxp-{D12}-{D12}-{D13}-{H32}",
    "slack-token app": "xapp-1-A{X10}-{D13}-{H64}",
    "slack-token config": "xoxe.xoxp-1-{W146}",
    "slack-token hook": "https://hooks.slack.com/services/T{X10}/B{X10}/{W24}",
    "chat-token discord": "https://discord.com/api/webhooks/{D19}/{S68}",
    "chat-token telegram": "{D10}:AA{S33}",
    "mail-key sendgrid": "SG.{S22}.{S43}",
    "mail-key mailgun": "key-{H32}",
    "mail-key mailchimp": "{H32}-us12",
    "mail-key brevo": "xkeysib-{H64}-{W16}",
    "mail-key resend": "re_{W8}_{W24}",
    "mail-key mailersend": "mlsn.{H64}",
    "twilio-key": "SK{H32}",
    "stripe-key": "sk_live_{W24}",
    "stripe-key long": "sk_live_51{W97}",
    "stripe-key test": "rk_test_{W24}",
    "stripe-key hook": "whsec_{W32}",
    "payment-key square": "sq0atp-{S22}",
    "payment-key square secret": "sq0csp-{S43}",
    "payment-key square access": "EAAA{S60}",
    "payment-key braintree": "access_token$production${N16}${H32}",
    "payment-key plaid": "access-production-{H8}-{H4}-{H4}-{H4}-{H12}",
    "payment-key razorpay": "rzp_live_{W14}",
    "payment-key flutterwave": "FLWSECK-{H32}-X",
    "shopify-token": "shpat_{H32}",
    "shopify-token secret": "shpss_{H32}",
    "terraform-token": "{W14}.atlasv1.{S67}",
    "vault-token": "hvs.CAES{S90}",
    "vault-token batch": "hvb.AAAA{S130}",
    "infrastructure-token pulumi": "pul-{H40}",
    "infrastructure-token doppler": "dp.pt.{W43}",
    "infrastructure-token doppler service": "dp.st.prd.{W43}",
    "infrastructure-token databricks": "dapi{H32}-2",
    "infrastructure-token tailscale": "tskey-api-k{W11}CNTRL-{W32}",
    "infrastructure-token one password": "ops_eyJ{W250}",
    "infrastructure-token one password key": "A3-{X6}-{X6}-{X5}-{X5}-{X5}-{X5}",
    "infrastructure-token age": "AGE-SECRET-KEY-1{X58}",
    "monitoring-key new relic": "NRAK-{X27}",
    "monitoring-key new relic ingest": "{H36}NRAL",
    "monitoring-key grafana": "glc_{B60}",
    "monitoring-key grafana service": "glsa_{W32}_{H8}",
    "monitoring-key sentry": "sntryu_{H64}",
    "monitoring-key dynatrace": "dt0c01.{X24}.{X64}",
    "monitoring-key honeycomb": "hcaik_01{N56}",
    "monitoring-key launchdarkly": "sdk-{H8}-{H4}-{H4}-{H4}-{H12}",
    "monitoring-key posthog": "phx_{W43}",
    "service-token linear": "lin_api_{W40}",
    "service-token notion": "ntn_{D11}{W35}",
    "service-token notion old": "secret_{W43}",
    "service-token figma": "figd_{S40}",
    "service-token airtable": "pat{W14}.{H64}",
    "service-token dropbox": "sl.{S135}",
    "service-token contentful": "CFPAT-{S43}",
    "service-token hubspot": "pat-na1-{H8}-{H4}-{H4}-{H4}-{H12}",
    "service-token salesforce": "00D{W12}!{W80}",
    "service-token facebook": "EAACEdEose0cBA{W120}",
    "service-token mapbox": "sk.eyJ{W80}.{S22}",
    "service-token postman": "PMAK-{H24}-{H34}",
    "asana-token": "1/12{D14}:{H32}",
    "json-web-token": "eyJ{S33}.eyJ{S80}.{S43}",
}  # fmt: skip


def basic(maker: Maker) -> str:
    """`user:password` in base64."""
    return base64.b64encode(f"deploy:{maker('{P14}')}".encode()).decode()


# Path and line; `{}` is the value, of the kind that the name asks for.
LINES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "password": (
        ("config.php", "define('DB_PASSWORD', '{}');"),
        ("config.php", "$db['password'] = '{}';"),
        ("config.php", "    'password' => '{}',"),
        ("Db.cs", 'private const string Password = "{}";'),
        ("Db.cs", 'var cs = "Server=db;Uid=sa;Pwd={};Encrypt=true";'),
        ("Db.kt", 'val dbPassword: String = "{}"'),
        ("Db.swift", 'let adminPassword: String = "{}"'),
        ("main.tf", '  master_password = "{}"'),
        ("Dockerfile", "ENV MYSQL_ROOT_PASSWORD={}"),
        ("Dockerfile", "ENV POSTGRES_PASSWORD {}"),
        ("web.xml", "<password>{}</password>"),
        ("web.config", '<add key="SmtpPassword" value="{}" />'),
        ("app.properties", "spring.datasource.password={}"),
        ("app.properties", "db.password = {}"),
        ("app.toml", 'password = "{}"'),
        ("app.ini", "smtp_pass = {}"),
        ("setup.ps1", '$Password = "{}"'),
        ("setup.ps1", "$p = ConvertTo-SecureString '{}' -AsPlainText -Force"),
        ("Makefile", "DB_PASS := {}"),
        ("user.sql", "CREATE USER app IDENTIFIED BY '{}';"),
        ("user.sql", "ALTER ROLE app WITH PASSWORD '{}';"),
        ("run.sh", "curl -u admin:{} https://api.internal.test/v1"),
        ("run.sh", "PGPASSWORD={} psql -h db"),
        ("run.sh", "sshpass -p {} ssh root@host"),
        ("run.sh", "tool --user ci --password {} push"),
        ("run.sh", "tool --db-password='{}' push"),
        ("run.sh", "mysql -uroot -p{} app"),
        ("run.sh", "redis-cli -h cache -a {} ping"),
        ("run.sh", 'export ADMIN_PASSWORD="${{ADMIN_PASSWORD:-{}}}"'),
        ("README.md", "The admin password is `{}` for now."),
        ("README.md", "Password: {}"),
        ("app.py", 'connect(user="app", password="{}", host="db")'),
        ("app.py", 'PASSWORD = os.environ.get("DB_PASSWORD", "{}")'),
        ("app.py", 'config["smtp"]["password"] = "{}"'),
        ("app.js", 'const pwd = process.env.DB_PASSWORD || "{}";'),
        ("app.js", "  password: '{}',"),
        ("app.rb", "  :password => '{}',"),
        ("App.java", 'props.put("password", "{}");'),
        ("App.java", 'dataSource.setPassword("{}");'),
        ("main.go", '\tPassword: "{}",'),
        ("main.rs", 'const DB_PASSWORD: &str = "{}";'),
        ("main.c", 'static const char *password = "{}";'),
        ("app.yml", "  - name: DB_PASSWORD\n    value: {}"),
        ("app.json", '{{"name": "DB_PASSWORD", "value": "{}"}}'),
        ("app.json", '"body": "{{\\"user\\": \\"a\\", \\"password\\": \\"{}\\"}}"'),
        ("a.py", 'psycopg2.connect("dbname=app user=ci password={} host=db")'),
        ("a.py", 'requests.get(url, auth=("ci", "{}"))'),
        ("a.go", 'req.SetBasicAuth("ci", "{}")'),
        ("a.tf", 'variable "db_password" {{\n  default = "{}"'),
        ("a.sh", "htpasswd -bc .htpasswd admin {}"),
        ("a.sh", "helm install app --set auth.rootPassword={}"),
        ("a.sh", "openssl rsa -passin pass:{} -in key.pem"),
        ("build.gradle", "storePassword '{}'"),
        ("a.xml", '<entry key="password">{}</entry>'),
        (".netrc", "machine git.internal.test login ci password {}"),
    ),
    "uri": (
        (".env", "DATABASE_URL=mysql://app:{}@db.internal.test/app"),
        (".env", "REDIS_URL=redis://:{}@cache:6379/0"),
        ("a.py", 'BROKER = "amqp://svc:{}@mq.internal.test:5672//"'),
        ("a.yml", "  url: smtp://mailer:{}@smtp.internal.test:587"),
        ("a.sh", "git remote add up https://bot:{}@git.internal.test/x.git"),
        ("a.go", 'dsn := "app:{}@tcp(db:3306)/app?parseTime=true"'),
        ("a.xml", "<url>ftp://up:{}@files.internal.test/</url>"),
    ),
    "token": (
        ("a.py", 'requests.get(url, headers={{"X-Api-Key": "{}"}})'),
        ("a.py", 'client = Client(api_key="{}")'),
        ("a.js", "axios.defaults.headers['Authorization'] = 'Bearer {}';"),
        ("a.sh", "curl -H 'Authorization: Bearer {}' https://api.internal.test"),
        ("a.sh", 'curl -H "PRIVATE-TOKEN: {}" https://git.internal.test'),
        ("a.sh", "curl 'https://api.internal.test/v1?api_key={}&x=1'"),
        ("a.yml", "    client_secret: {}"),
        ("a.yml", "datadogApiKey: {}"),
        ("a.tf", '  access_key = "{}"'),
        ("a.php", "$config['secret'] = '{}';"),
        ("a.properties", "jwt.secret={}"),
        ("a.xml", "<apiKey>{}</apiKey>"),
        ("a.kt", 'const val SIGNING_KEY = "{}"'),
        ("a.swift", 'static let clientSecret = "{}"'),
        ("a.cs", 'Environment.SetEnvironmentVariable("AUTH_TOKEN", "{}");'),
        ("a.env", "export SESSION_SECRET={}"),
        ("README.md", "Use the token `{}` to log in."),
        ("a.ini", "secret_key_base = {}"),
        ("a.rb", "Stripe.api_key = '{}'"),
        ("a.js", "jwt.sign(payload, '{}');"),
        ("a.py", 'cipher = Fernet(b"{}")'),
        ("a.sh", "aws configure set aws_secret_access_key {}"),
        ("a.yml", "  - name: API_TOKEN\n    value: {}"),
        (".npmrc", "//registry.npmjs.org/:_authToken={}"),
        ("Dockerfile", "ARG NPM_TOKEN={}"),
    ),
}  # fmt: skip
