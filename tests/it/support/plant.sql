-- The plant's own tables, as its services have them, and its example assets.

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at = now();
  RETURN NEW;
END $$;

CREATE TABLE assets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  asset_code varchar(50) UNIQUE NOT NULL,
  name varchar(255) NOT NULL,
  type varchar(50) NOT NULL,
  manufacturer varchar(255),
  model varchar(255),
  serial_number varchar(100),
  installation_date date,
  location_line varchar(100),
  location_station varchar(100),
  criticality varchar(20) NOT NULL CHECK (criticality IN ('critical', 'high', 'medium', 'low')),
  status varchar(20) NOT NULL DEFAULT 'operational'
    CHECK (status IN ('operational', 'degraded', 'failed', 'maintenance', 'decommissioned')),
  metadata jsonb DEFAULT '{}',
  created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now()
);

CREATE TABLE work_orders (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  work_order_number varchar(50) UNIQUE NOT NULL,
  asset_id uuid REFERENCES assets (id),
  type varchar(20) NOT NULL CHECK (type IN ('corrective', 'preventive', 'predictive', 'inspection')),
  priority varchar(20) NOT NULL CHECK (priority IN ('emergency', 'high', 'medium', 'low')),
  status varchar(20) NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'assigned', 'in_progress', 'on_hold', 'completed', 'cancelled')),
  title varchar(255) NOT NULL,
  description text,
  scheduled_start timestamp,
  scheduled_end timestamp,
  actual_start timestamp,
  actual_end timestamp,
  assigned_to varchar(100),
  estimated_hours double precision,
  actual_hours double precision,
  downtime_hours double precision,
  cost_estimated numeric(10, 2),
  cost_actual numeric(10, 2),
  anomaly_id uuid,
  rul_prediction_id uuid,
  notes text,
  metadata jsonb DEFAULT '{}',
  created_by varchar(100),
  created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now()
);

CREATE TRIGGER assets_updated BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER work_orders_updated BEFORE UPDATE ON work_orders FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE spare_parts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  part_number varchar(50) UNIQUE NOT NULL,
  name varchar(255) NOT NULL,
  stock_quantity integer NOT NULL DEFAULT 0,
  stock_location varchar(100),
  lead_time_days integer
);

CREATE TABLE asset_spare_parts (
  asset_id uuid NOT NULL REFERENCES assets (id),
  spare_part_id uuid NOT NULL REFERENCES spare_parts (id),
  quantity_per_maintenance integer NOT NULL DEFAULT 1,
  PRIMARY KEY (asset_id, spare_part_id)
);

CREATE TABLE maintenance_history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  asset_id uuid REFERENCES assets (id),
  work_order_id uuid REFERENCES work_orders (id),
  maintenance_date timestamp NOT NULL DEFAULT now(),
  type varchar(20),
  description text,
  performed_by varchar(100),
  duration_hours double precision,
  cost numeric(10, 2),
  parts_replaced jsonb,
  notes text
);

INSERT INTO assets (asset_code, name, type, location_line, location_station, criticality) VALUES
  ('MOTOR-001', 'Main drive', 'motor', 'line-1', 'station-1', 'critical'),
  ('MOTOR-002', 'Second drive', 'motor', 'line-1', 'station-2', 'high'),
  ('PUMP-001', 'Cooling pump', 'pump', 'line-2', 'station-1', 'critical'),
  ('PUMP-002', 'Spare pump', 'pump', 'line-2', 'station-2', 'medium'),
  ('CONV-001', 'Conveyor', 'conveyor', 'line-2', NULL, 'medium'),
  ('CNC-001', 'Milling machine', 'cnc', 'line-3', 'station-1', 'critical'),
  ('COMP-001', 'Compressor', 'compressor', 'utilities', NULL, 'critical');

INSERT INTO spare_parts (part_number, name, stock_quantity, stock_location, lead_time_days) VALUES
  ('SEAL-40', 'Shaft seal 40 mm', 0, 'rack 7', 12),
  ('BRG-6205', 'Bearing 6205', 4, 'rack 2', 3);

INSERT INTO asset_spare_parts
  SELECT a.id, p.id, 2 FROM assets a, spare_parts p WHERE a.asset_code = 'PUMP-001';
